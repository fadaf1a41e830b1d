/** What lanes are called. Pure. */
import { SYSTEMS } from '../../agent/system-facts';
import type { ModelOption } from '../../state/laboratory';
import type { Lane } from '../../state/lanes';
import { ENDPOINT } from '../../state/settings';
import type { SystemId } from '../../protocol/trace';
import { ask } from '../strings/ask';
import { models as modelWords } from '../strings/models';

/** Plain RAG is what the page calls the system that it always shows beside s3. */
export const systemName = (system: SystemId): string =>
  system === 'naive-rag' ? ask.thread.naive : SYSTEMS[system].title;

export function choiceName(choice: string, models: readonly ModelOption[]): string {
  if (choice === ENDPOINT) return modelWords.endpoint;
  return models.find(({ id }) => id === choice)?.name ?? choice;
}

/** A lane's models stand in its name where they are its own; what is still alike gets a number. */
export function laneNames(lanes: readonly Lane[], models: readonly ModelOption[]): string[] {
  const names = lanes.map(({ system, searcher, generator }) =>
    [
      systemName(system),
      ...[searcher, generator].flatMap((choice) => (choice === undefined ? [] : choiceName(choice, models))),
    ].join(' · '),
  );
  return names.map((name, at) => {
    const before = names.slice(0, at).filter((other) => other === name).length;
    return before === 0 ? name : `${name} (${before + 1})`;
  });
}
