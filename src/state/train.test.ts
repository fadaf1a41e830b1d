import { beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../protocol/errors';
import { createScriptedLaboratory } from './scripted-laboratory';
import type { Laboratory } from './laboratory';
import { Training } from './train.svelte';
import type { TrainingScript } from './train-scripted';
import { TRAINING_SCRIPTS } from './train-scripts';

let laboratory: Laboratory;
let training: Training;

async function open(script: TrainingScript = {}): Promise<void> {
  laboratory = createScriptedLaboratory({ training: { paceMs: 8, ...script } });
  training = new Training(laboratory, () => 0);
  await training.begin();
}

const until = async (condition: () => boolean): Promise<void> => {
  const begun = Date.now();
  while (!condition()) {
    if (Date.now() - begun > 4000) throw new Error(`never: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

describe('a first run', () => {
  beforeEach(() => open());

  it('is begun from the draft, shown, paused, stepped, resumed and stopped', async () => {
    expect(training.view).toBeNull();
    await training.startDraft();
    expect(training.error).toBeNull();
    await until(() => (training.view?.steps.length ?? 0) >= 2);
    expect(training.run).toMatchObject({ status: 'running', owner: 'here' });
    expect(training.active?.id).toBe(training.run?.id);
    await training.act('pause');
    expect(training.run?.status).toBe('paused');
    training.view?.flush();
    const at = training.run?.step ?? 0;
    await training.act('step');
    await until(() => training.run?.step === at + 1 && training.run.status === 'paused');
    await training.act('resume');
    await until(() => (training.run?.step ?? 0) > at + 1);
    await training.act('stop');
    expect(training.run).toMatchObject({ status: 'stopped', owner: 'none' });
    expect(training.run?.checkpoints.at(-1)?.step).toBe(training.run?.step);
    expect(training.active).toBeNull();
  });

  it('is not begun with a mistake in the recipe; the field says what is wrong', async () => {
    training.draft.set('ppo.batch.miniBatch', 64);
    expect(training.draft.issueOf('ppo.batch.miniBatch')?.message).toContain('more than');
    await training.startDraft();
    expect(training.error).toMatchObject({ code: 'BAD_INPUT' });
    expect(training.runs).toEqual([]);
    training.draft.reset('ppo.batch.miniBatch');
    expect(training.draft.issues).toEqual([]);
  });

  it('keeps the machine awake only while it is under way', async () => {
    const awake = vi.spyOn(laboratory, 'keepAwake');
    await training.startDraft();
    await until(() => awake.mock.lastCall?.[0] === true);
    await training.act('stop');
    training.view?.flush();
    expect(awake.mock.lastCall).toEqual([false]);
  });

  it('tells what the worker refuses, and can be tried again', async () => {
    const refuse = new AppError('STORAGE_FULL', 'No room is left.', { fix: 'Delete something.' });
    const create = vi.spyOn(laboratory.training, 'createRun').mockRejectedValueOnce(refuse);
    await training.startDraft();
    expect(training.error).toMatchObject({ code: 'STORAGE_FULL', fix: 'Delete something.' });
    expect(training.acting).toBeNull();
    create.mockRestore();
    await training.startDraft();
    expect(training.error).toBeNull();
    await training.act('stop');
  });
});

describe('runs that are there', () => {
  beforeEach(() => open(TRAINING_SCRIPTS['full']));

  it('are listed, and one of them is shown with its newest step', async () => {
    expect(training.runs).toHaveLength(3);
    await until(() => training.view?.record !== null);
    expect(training.view?.record?.step).toBe(training.view?.last);
  });

  it('are looked at step by step, with the rollouts of that step', async () => {
    training.choose('run-a');
    await until(() => training.view?.last === 40);
    training.view?.look(7);
    await until(() => training.view?.record?.step === 7);
    expect(training.view?.summary?.step).toBe(7);
    training.view?.look(400);
    expect(training.view?.at).toBeNull();
    training.view?.look(-3);
    expect(training.view?.shown).toBe(1);
  });

  it('are replayed to their end, and the replay stops where it is told', async () => {
    vi.useFakeTimers();
    try {
      await open({ runs: [{ id: 'r', name: 'r', steps: 5, status: 'finished' }] });
      await vi.advanceTimersByTimeAsync(10);
      training.view?.replay();
      expect(training.view).toMatchObject({ playing: true, at: 1 });
      await vi.advanceTimersByTimeAsync(1000);
      expect(training.view?.shown).toBe(2);
      training.view?.pauseReplay();
      await vi.advanceTimersByTimeAsync(9000);
      expect(training.view?.shown).toBe(2);
      training.view?.replay();
      await vi.advanceTimersByTimeAsync(9000);
      expect(training.view).toMatchObject({ playing: false, at: null, shown: 5 });
    } finally {
      vi.useRealTimers();
    }
  });

  it('are drawn beside one another, compared, forked and deleted', async () => {
    training.choose('run-a');
    await training.toggleBeside('run-c');
    expect(training.beside).toMatchObject([{ id: 'run-c' }]);
    // What is shown itself is not drawn beside itself.
    training.choose('run-c');
    expect(training.beside).toEqual([]);
    const run = training.runOf('run-a');
    if (!run) throw new Error('no run');
    training.fork(run, 20, 'forked');
    expect(training.view).toBeNull();
    training.draft.set('ppo.actor.learningRate', 5e-5);
    expect(training.draft.changes).toMatchObject([{ path: 'ppo.actor.learningRate' }]);
    await training.startDraft();
    expect(training.run).toMatchObject({ parent: { run: 'run-a', step: 20 }, config: { name: 'forked' } });
    await training.act('stop');
    await training.remove('run-c');
    expect(training.runs.map(({ id }) => id)).not.toContain('run-c');
  });

  it('of which one is loaded keep the others from starting', async () => {
    training.choose('run-b');
    await training.act('resume');
    training.choose('run-c');
    await training.act('resume');
    expect(training.error).toMatchObject({ code: 'BUSY' });
    training.choose('run-b');
    await training.act('stop');
  });

  it('are exported, and imported under a new name', async () => {
    const file = await training.export('run-a', 'peft', 20);
    expect(file?.name).toBe('run-a-20.tar');
    await training.import(new Blob(['a whole run']));
    expect(training.run?.config.name).toBe('imported run');
    await training.import(new Blob(['x']));
    expect(training.error).toMatchObject({ code: 'BAD_INPUT' });
  });
});

describe('a run that breaks', () => {
  it('stands at its last checkpoint with what happened and what to do', async () => {
    await open(TRAINING_SCRIPTS['lost']);
    await training.act('resume');
    await until(() => training.run?.status === 'failed');
    expect(training.run?.error?.code).toBe('DEVICE_LOST');
    expect(training.run?.error?.fix).toContain('step 10');
    expect(training.active).toBeNull();
  });

  it('makes the steps since its checkpoint anew: the curve has each step once', async () => {
    await open({ runs: [{ id: 'r', name: 'r', steps: 12, status: 'stopped' }] });
    await until(() => training.view?.last === 12);
    const { record } = training.view ?? {};
    const view = training.view;
    if (!view || !record) await until(() => training.view?.record !== null);
    // The worker tells step 11 once more after going on from step 10.
    const listener = vi.spyOn(laboratory.training, 'watch');
    training.choose(null);
    training.choose('r');
    await until(() => training.view?.last === 12);
    const tell = listener.mock.lastCall?.[1];
    const again = await laboratory.training.step('r', 11);
    tell?.({ type: 'step', step: again });
    training.view?.flush();
    expect(training.view?.steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });
});

it('a run that another tab had is free again when that tab has gone without a word', async () => {
  await open(TRAINING_SCRIPTS['elsewhere']);
  await until(() => training.run?.owner === 'elsewhere');
  const gone = { ...(await laboratory.training.getRun('run-e')), owner: 'none', interrupted: true } as const;
  vi.spyOn(laboratory.training, 'getRun').mockResolvedValue(gone);
  await until(() => training.run?.interrupted === true);
});

describe('the draft', () => {
  beforeEach(() => open(TRAINING_SCRIPTS['unknown']));

  it('knows what it can learn from, and has plain RAG try what it has not', async () => {
    await training.draft.count();
    expect(training.draft.counts).toMatchObject({ unknown: 940 });
    await training.draft.prepare();
    expect(training.draft.counts).toMatchObject({ unknown: 0 });
    expect(training.draft.preparing).toBeNull();
  });

  it('stops preparing without an error', async () => {
    const done = training.draft.prepare();
    await until(() => training.draft.preparing !== null);
    training.draft.stop();
    await done;
    expect(training.draft.error).toBeNull();
    expect(training.draft.preparing).toBeNull();
  });

  it('is measured for one recipe, and says so when the recipe changes', async () => {
    await training.draft.measure();
    expect(training.draft.measuredHere).toBe(true);
    training.draft.set('ppo.batch.prompts', 24);
    expect(training.draft.measuredHere).toBe(false);
    training.draft.reset('ppo.batch.prompts');
    expect(training.draft.measuredHere).toBe(true);
  });

  it('keeps what is trained on what when another preset is chosen', () => {
    training.draft.set('corpus', 'mine');
    training.draft.choosePreset('search-r1');
    expect(training.draft.config).toMatchObject({
      corpus: 'mine',
      preset: 'search-r1',
      reward: { kind: 'answer' },
    });
    training.draft.choosePreset('no such preset');
    expect(training.draft.config.preset).toBe('search-r1');
  });

  it('gives a searcher the instructions that it was trained with', () => {
    training.draft.chooseSearcher({ id: 'qwen' });
    expect(training.draft.config.agent).toMatchObject({ promptStyle: 'full', documentsPerQuery: 8 });
    training.draft.chooseSearcher({ id: 'demo', search: { promptStyle: 'compact', documentsPerQuery: 5 } });
    expect(training.draft.config.agent).toMatchObject({ promptStyle: 'compact', documentsPerQuery: 5 });
    expect(training.draft.config.ppo.search.topK).toBe(5);
  });

  it('takes a file of questions, and practises on it', async () => {
    await training.draft.addQuestions(new File(['{"question":"a?"}\n{"question":"b?"}\n'], 'mine.jsonl'));
    expect(training.draft.config.questions.source).toBe('set-1');
  });
});
