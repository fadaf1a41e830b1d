/** A checkpoint becomes a model of this device, so that the Ask page can use it. */
import { AppError } from '../protocol/errors';
import { idFor, splitChoice, withAdapter } from '../protocol/model-ids';
import type { StoredModel } from '../protocol/model-library';
import type { OnProgress } from '../protocol/retrieval';
import type { ListedRun } from '../train/worker-api';
import type { Laboratory } from './laboratory';
import { filesOfTar } from './train-tar';

/**
 * Adds the checkpoint of a step to the models of this device: as an adapter where its base is one of them, else as a model with the
 * adapter merged in. One that is there already is taken again. Returns the id that settings name it by.
 */
export async function useCheckpoint(
  laboratory: Laboratory,
  run: ListedRun,
  step: number,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<string> {
  const { training, library } = laboratory;
  const { config } = run;
  const known = await library.listModels();
  const checkpoint = run.checkpoints.find((one) => one.step === step)?.sha256;
  const there =
    checkpoint === undefined ? [] : laboratory.trained.madeOf(checkpoint).filter((id) => isThere(id, known));
  if (there[0] !== undefined) return there[0];
  const base = known.find(({ id, state }) => id === config.searcher.model && state === 'ready');
  const beside = base !== undefined && config.trained.kind === 'adapter';
  const format = beside ? 'peft' : 'safetensors';
  const { blob } = await training.exportRun(run.id, format, step, onProgress, signal);
  const name = freeName(`${config.name}, step ${step}`, known);
  const from = { kind: 'files' as const, name, files: await filesOfTar(blob) };
  let choice: string;
  if (base && beside) {
    const before = new Set(base.adapters.map(({ id }) => id));
    const { adapters } = await library.addAdapter({ model: base.id, from }, signal);
    const added = adapters.find(({ id }) => !before.has(id)) ?? adapters.find((one) => one.name === name);
    if (!added) throw new AppError('INTERNAL', 'The adapter was not added.', { fix: 'Try again.' });
    choice = withAdapter(base.id, added.id);
  } else {
    // What comes with the page is small: quantising it would change what it says.
    const weights = config.searcher.weights ?? 'f32';
    const id = idFor(from, weights, known);
    await library.importModel({ id, from, weights }, undefined, signal);
    choice = id;
  }
  const { system = 's3' } = config;
  laboratory.trained.remember(choice, {
    // The demo's own models know its world alone, trained further or not.
    trainedFor: system === 's3' && /^demo(-|$)/.test(config.searcher.model) ? 'demo' : system,
    promptStyle: config.agent.promptStyle ?? 'full',
    documentsPerQuery: config.agent.documentsPerQuery ?? config.ppo.search.topK,
    ...(checkpoint !== undefined && { checkpoint }),
  });
  return choice;
}

function isThere(choice: string, known: readonly StoredModel[]): boolean {
  const { model: id, adapter } = splitChoice(choice);
  const model = known.find((one) => one.id === id && one.state === 'ready');
  return model !== undefined && (adapter === undefined || model.adapters.some((one) => one.id === adapter));
}

/** Another run may have the same name. */
function freeName(name: string, known: readonly StoredModel[]): string {
  const taken = new Set(
    known.flatMap((model) => [
      ...(model.state === 'ready' ? [model.name] : []),
      ...model.adapters.map((adapter) => adapter.name),
    ]),
  );
  for (let n = 1; ; n += 1) {
    const candidate = n === 1 ? name : `${name} (${n})`;
    if (!taken.has(candidate)) return candidate;
  }
}
