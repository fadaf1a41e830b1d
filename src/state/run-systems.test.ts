import { describe, expect, it } from 'vitest';
import { SYSTEMS } from '../agent/system-facts';
import { collect, eventsOf, ScriptedModel, ScriptedRetriever, tickingClock } from '../agent/testing/scripted';
import type { RetrievalMode } from '../protocol/retrieval';
import { SYSTEM_IDS, type SystemId } from '../protocol/trace';
import { rolesOf } from './lanes';
import { neededModels, neededSearches, s3SettingsOf, systemFor } from './run-systems';
import { DEFAULT_SETTINGS, ENDPOINT, type RunSettings } from './settings';

const run = (system: SystemId, change: Partial<RunSettings> = {}) => ({
  system,
  settings: { ...DEFAULT_SETTINGS, ...change },
});

describe('what runs need', () => {
  it('is every model once for each role in which a system has one', () => {
    const asked = neededModels([
      run('s3'),
      run('naive-rag'),
      run('s3', { searcher: 'mine' }),
      run('search-r1', { searcher: 'r1', generator: 'never' }),
      run('direct', { searcher: 'never', generator: ENDPOINT }),
    ]);
    expect(asked.map(({ role, settings }) => `${role} ${settings[role]}`)).toEqual([
      'searcher demo',
      'generator demo',
      'searcher mine',
      'searcher r1',
      `generator ${ENDPOINT}`,
    ]);
  });

  it('is every way of searching a corpus once; closed-book systems search none', () => {
    expect(neededSearches([run('direct'), run('cot', { corpus: 'never' })])).toEqual([]);
    expect(
      neededSearches([
        run('s3'),
        run('naive-rag'),
        run('naive-rag-bm25'),
        run('deepretrieval'),
        run('s3', { corpus: 'notes', retrieval: 'bm25' }),
      ]),
    ).toEqual([
      { corpus: 'demo', mode: 'dense' },
      { corpus: 'demo', mode: 'bm25' },
      { corpus: 'notes', mode: 'bm25' },
    ]);
  });

  it("is for s3 what its searcher was trained with, and the paper's instructions for any other", () => {
    const option = { id: 'demo', name: '', note: '', bytes: 0 };
    const search = { promptStyle: 'compact', documentsPerQuery: 5 } as const;
    expect(s3SettingsOf(DEFAULT_SETTINGS, { ...option, search })).toMatchObject({
      promptStyle: 'compact',
      documentsPerQuery: 5,
    });
    expect(s3SettingsOf(DEFAULT_SETTINGS, undefined)).toMatchObject({
      ...{ promptStyle: 'full', documentsPerQuery: 8, documentsSelected: 3, maxTurns: 3, mode: 'paper' },
    });
    expect(s3SettingsOf({ ...DEFAULT_SETTINGS, found: 4 }, { ...option, search })).toMatchObject({
      documentsPerQuery: 4,
    });
  });
});

/** Runs a system of the page over scripted parts. */
async function answered(system: SystemId, change: Partial<RunSettings> = {}) {
  const models: Record<string, ScriptedModel> = {};
  const retrievers: Partial<Record<RetrievalMode, ScriptedRetriever>> = {};
  const made = await systemFor(run(system, change), {
    model: (role) => (models[role] ??= new ScriptedModel(['So the answer is: Ada.'], role)),
    retriever: (mode) => (retrievers[mode] ??= new ScriptedRetriever()),
    searcher: undefined,
    clock: tickingClock(),
  });
  return { events: await collect(made), models, retrievers };
}

describe('every system of the page', () => {
  it.each(SYSTEM_IDS)('%s is made from the models of its roles alone, and answers', async (id) => {
    const { events, models, retrievers } = await answered(id);
    expect(events.at(-1)?.type).toBe('answered');
    expect(Object.keys(models).sort()).toEqual([...rolesOf({ system: id })].sort());
    const searched = Object.entries(retrievers).filter(([, one]) => one.queries.length > 0);
    const kind = SYSTEMS[id].retriever;
    expect(searched.map(([mode]) => mode).every((mode) => mode === (kind === 'bm25' ? 'bm25' : 'dense'))).toBe(true);
    expect(kind === 'none' && searched.length > 0).toBe(false);
  }); // prettier-ignore

  it('writes no longer at once in a tab than a tab has room for; an endpoint may', async () => {
    const longest = async (searcher: string) => {
      const { models } = await answered('search-o1', { searcher });
      return Math.max(...(models['searcher']?.requests ?? []).map(({ maxTokens }) => maxTokens));
    };
    expect(await longest('demo')).toBe(500);
    expect(await longest(ENDPOINT)).toBeGreaterThan(500);
  });

  it('keeps to the setting of the run', async () => {
    const { events } = await answered('s3', { mode: 'code', turns: 2 });
    expect(eventsOf(events, 'question')).toHaveLength(1);
    expect(eventsOf(events, 'generated').filter(({ role }) => role === 'searcher').length).toBeLessThanOrEqual(4);
  }); // prettier-ignore
});
