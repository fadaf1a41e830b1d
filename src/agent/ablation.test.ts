import { describe, expect, it } from 'vitest';
import { ablatedContext, ABLATION_IDS, windowsOf, type Ablation } from './ablation';
import { createS3 } from './s3';
import {
  collect,
  eventsOf,
  finish,
  passage,
  ScriptedModel,
  ScriptedRetriever,
  search,
  tickingClock,
} from './testing/scripted';

const found = new Map([
  ['Who?', ['a', 'b']],
  ['x', ['b', 'c', 'd']],
  ['y', ['e']],
]);

async function run(ablation: Ablation) {
  const system = createS3({
    // Selects c from the second window, and nothing from the first and the last.
    searcher: new ScriptedModel([search('x'), search('y', [2]), finish()]),
    generator: new ScriptedModel(['Ada']),
    retriever: new ScriptedRetriever((query) => (found.get(query) ?? []).map((id) => passage(id))),
    settings: { ablation },
    clock: tickingClock(),
  });
  return { system, events: await collect(system) };
}

describe.each<[Ablation, string[]]>([
  ['none', ['c', 'a', 'b', 'e']],
  ['no-selection', ['a', 'b', 'c', 'd', 'e']],
  ['no-initial', ['c', 'e']],
  ['neither', ['b', 'c', 'd', 'e']],
])('s3 with ablation %s', (ablation, expected) => {
  it('hands the generator these documents, under a name of its own', async () => {
    const { system, events } = await run(ablation);
    expect(eventsOf(events, 'context')[0]?.passageIds).toEqual(expected);
    expect(system.id).toBe(ABLATION_IDS[ablation]);
  });

  it('can be had from a run without it', async () => {
    const { events } = await run('none');
    const ids = ablatedContext(windowsOf(events), ablation, 's3').map((d) => d.passageId);
    expect(ids).toEqual(expected);
  });
});

it('does not change what the searcher sees', async () => {
  const queries = await Promise.all(
    (['none', 'neither'] as const).map(async (ablation) =>
      eventsOf((await run(ablation)).events, 'retrieved').map((e) => e.query),
    ),
  );
  expect(queries[0]).toEqual(queries[1]);
});
