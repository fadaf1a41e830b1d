/** A `TrainingApi` that plays a script: for component tests, pictures of states, and work on the page alone. */
import { AppError, throwIfAborted, type ErrorEnvelope } from '../protocol/errors';
import type { CheckpointInfo, RunConfig, RunStatus } from '../train/records';
import { requireRunConfig } from '../train/runs/config-schema';
import { defaultRunConfig } from '../train/runs/default-config';
import type {
  FilterCounts,
  ListedRun,
  QuestionSet,
  RunEvent,
  RunListener,
  StepSummary,
  TrainingApi,
} from '../train/worker-api';
import { scriptedMetrics, scriptedStep } from './train-scripted-data';

export interface TrainingScript {
  /** Milliseconds of a step. */
  paceMs?: number;
  runs?: readonly {
    id: string;
    name: string;
    steps: number;
    status: RunStatus;
    owner?: ListedRun['owner'];
    change?: Partial<RunConfig>;
  }[];
  /** A run fails when it has made so many steps. */
  failAt?: { step: number; error: ErrorEnvelope };
  now?: () => number;
  questions?: Partial<FilterCounts>;
}

interface Held {
  run: ListedRun;
  seed: number;
  steps: StepSummary[];
  timer?: ReturnType<typeof setTimeout> | undefined;
  listeners: Set<RunListener>;
}

const COUNTS: FilterCounts = { total: 2_400, solved: 564, yesNo: 148, unknown: 0, left: 1_688 };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const notFound = (what: string): AppError =>
  new AppError('NOT_FOUND', `${what} is not there.`, { fix: 'Reload the page.' });

export function createScriptedTraining(script: TrainingScript = {}): TrainingApi {
  const pace = script.paceMs ?? 700;
  const now = script.now ?? Date.now;
  const held = new Map<string, Held>();
  let sets: QuestionSet[] = [{ id: 'demo-train', name: 'Demo questions, training worlds', questions: 2_400 }];
  let counts: FilterCounts = { ...COUNTS, ...script.questions };
  let made = 0;

  const iso = (ms: number): string => new Date(ms).toISOString();
  const get = (id: string): Held => {
    const entry = held.get(id);
    if (!entry) throw notFound(`The run “${id}”`);
    return entry;
  };
  const tell = (entry: Held, event: RunEvent): void => entry.listeners.forEach((listener) => listener(event));
  const change = (entry: Held, change: Partial<ListedRun>): ListedRun => {
    entry.run = { ...entry.run, ...change };
    tell(entry, { type: 'status', run: entry.run });
    return entry.run;
  };
  const checkpoint = (entry: Held): CheckpointInfo => {
    const { step, config } = entry.run;
    const info: CheckpointInfo = {
      ...{ step, at: iso(now()), bytes: 4_310_000, sha256: 'e3b0c44298fc1c149afbf4c8996fb924' },
      ...{ score: entry.steps.at(-1)?.metrics.score ?? 0, kept: config.ppo.run.saveAt.includes(step) },
    };
    const others = entry.run.checkpoints.filter((other) => other.step !== step);
    const rolling = others.filter(({ kept }) => !kept).slice(-1);
    change(entry, {
      checkpoints: [...others.filter(({ kept }) => kept), ...rolling, info].sort((a, b) => a.step - b.step),
    });
    return info;
  };

  function makeStep(entry: Held): void {
    const step = entry.run.step + 1;
    const at = iso(now());
    const { config: recipe } = entry.run;
    entry.steps.push({ step, at, metrics: scriptedMetrics(step, entry.seed, recipe) });
    const cursor = entry.run.cursor + entry.run.config.ppo.batch.prompts;
    change(entry, { step, cursor, bytes: entry.run.bytes + 120_000 });
    if (entry.listeners.size > 0) {
      tell(entry, { type: 'step', step: scriptedStep(step, entry.seed, recipe, at) });
    }
    const { saveEvery, saveAt, steps } = entry.run.config.ppo.run;
    if (step % saveEvery === 0 || saveAt.includes(step) || step === steps) checkpoint(entry);
  }

  function advance(entry: Held, only: boolean): void {
    const { config } = entry.run;
    const total = config.ppo.batch.prompts * config.ppo.batch.rolloutsPerPrompt;
    let done = 0;
    const tick = (): void => {
      const phase = done < total ? 'rollouts' : 'actor';
      tell(entry, {
        type: 'progress',
        progress: { step: entry.run.step + 1, phase, done: Math.min(done, total), total },
      });
      done += Math.ceil(total / 6);
      if (done < total + total / 3) {
        entry.timer = setTimeout(tick, pace / 8);
        return;
      }
      makeStep(entry);
      const { failAt } = script;
      if (failAt && entry.run.step >= failAt.step) {
        change(entry, { status: 'failed', owner: 'none', error: failAt.error });
      } else if (entry.run.step >= (config.ppo.run.steps ?? Infinity)) {
        change(entry, { status: 'finished', owner: 'none' });
      } else if (only) change(entry, { status: 'paused' });
      else advance(entry, false);
    };
    entry.timer = setTimeout(tick, pace / 8);
  }

  function run(id: string, only: boolean): Promise<void> {
    const entry = get(id);
    const other = [...held.values()].find((o) => o !== entry && o.run.owner === 'here');
    if (entry.run.owner === 'elsewhere' || other) {
      throw new AppError('BUSY', other ? 'Another run is loaded in this tab.' : 'Another tab has this run.', {
        fix: other ? `Stop “${other.run.config.name}” first.` : 'Go to that tab, or close it and try again.',
      });
    }
    const { error: _error, ...rest } = entry.run;
    entry.run = rest;
    change(entry, { status: 'running', owner: 'here', interrupted: false });
    tell(entry, { type: 'loading', label: 'searcher', done: 2_000_000, total: 4_100_000 });
    advance(entry, only);
    return Promise.resolve();
  }

  function halt(id: string, status: RunStatus, owner: ListedRun['owner']): Promise<void> {
    const entry = get(id);
    clearTimeout(entry.timer);
    if (status === 'stopped') checkpoint(entry);
    change(entry, { status, owner });
    return Promise.resolve();
  }

  function hold(id: string, config: RunConfig, rest: Partial<ListedRun> = {}): Held {
    const entry: Held = {
      run: {
        ...{ id, config, createdAt: iso(now() - made * 3_600_000), status: 'ready', step: 0, cursor: 0 },
        ...{ checkpoints: [], bytes: 20_000, owner: 'none', interrupted: false },
        ...rest,
      },
      ...{ seed: ++made, steps: [], listeners: new Set() },
    };
    held.set(id, entry);
    return entry;
  }

  for (const { id, name, steps, status, owner = 'none', change: changes } of script.runs ?? []) {
    const config = { ...defaultRunConfig(), ...changes, name };
    const entry = hold(id, {
      ...config,
      ppo: { ...config.ppo, run: { ...config.ppo.run, steps: 40, saveAt: [20] } },
    });
    while (entry.run.step < steps) makeStep(entry);
    entry.run = { ...entry.run, status, owner, interrupted: status === 'running' && owner === 'none' };
  }

  const created = (config: RunConfig, rest: Partial<ListedRun> = {}): ListedRun =>
    hold(`run-${made + 1}`, requireRunConfig(config), rest).run;

  return {
    listRuns: () => Promise.resolve([...held.values()].map(({ run }) => run)),
    getRun: async (id) => Promise.resolve(get(id).run),
    createRun: async (config) => Promise.resolve(created(config)),
    renameRun: async (id, name) => {
      const entry = get(id);
      return Promise.resolve(change(entry, { config: { ...entry.run.config, name } }));
    },
    deleteRun: async (id) => {
      const entry = get(id);
      if (entry.run.status === 'running' && !entry.run.interrupted)
        throw new AppError('BUSY', 'This run is under way.', { fix: 'Stop it first.' });
      held.delete(id);
      return Promise.resolve();
    },
    listQuestionSets: () => Promise.resolve(sets),
    importQuestions: async ({ path, file }) => {
      const lines = (await file.text()).split('\n').filter(Boolean).length;
      const set = { id: `set-${sets.length}`, name: path, questions: lines, createdAt: iso(now()) };
      sets = [...sets, set];
      return set;
    },
    deleteQuestionSet: (id) => {
      sets = sets.filter((set) => set.id !== id);
      return Promise.resolve();
    },
    precompute: async (_config, onProgress, signal) => {
      const { unknown } = counts;
      for (let done = 0; done <= 10; done++) {
        throwIfAborted(signal);
        onProgress?.({ done: (unknown * done) / 10, total: unknown, unit: 'passages' });
        await pause(pace / 6);
      }
      const solved = counts.solved + Math.round(unknown * 0.24);
      counts = { ...counts, unknown: 0, solved, left: counts.total - solved - counts.yesNo };
      return counts;
    },
    useSearchKey: () => Promise.resolve(),
    filterCounts: () => Promise.resolve(counts),
    exportCache: () => Promise.resolve(new Blob(['{}'], { type: 'application/json' })),
    importCache: () => Promise.resolve(0),
    estimate: async (config, onProgress, signal) => {
      for (let done = 0; done <= 6; done++) {
        throwIfAborted(signal);
        onProgress?.({ done, total: 6, unit: 'passages' });
        await pause(pace / 8);
      }
      return {
        ...{
          secondsPerStep: 21.4,
          phases: { rollouts: 9.6, rewards: 2.1, reference: 2.6, critic: 1.4, actor: 5.7 },
        },
        ...{
          steps: config.ppo.run.steps,
          bytes: 61_400_000,
          weightBytes: 4_100_000,
          checkpointBytes: 4_310_000,
        },
        ...{ device: 'webgpu', deviceName: 'scripted adapter', questions: counts },
      };
    },
    start: async (id) => run(id, false),
    pause: async (id) => halt(id, 'paused', 'here'),
    singleStep: async (id) => run(id, true),
    resume: async (id) => run(id, false),
    stop: async (id) => halt(id, 'stopped', 'none'),
    fork: async (id, step, config) => {
      const parent = get(id);
      return Promise.resolve(
        created(config, {
          step,
          cursor: step * config.ppo.batch.prompts,
          parent: { run: parent.run.id, step },
          checkpoints: parent.run.checkpoints.filter((other) => other.step === step),
        }),
      );
    },
    watch: (id, listener, signal) =>
      new Promise((resolve) => {
        const entry = held.get(id);
        if (!entry) {
          resolve();
          return;
        }
        entry.listeners.add(listener);
        listener({ type: 'status', run: entry.run });
        signal.addEventListener('abort', () => {
          entry.listeners.delete(listener);
          resolve();
        });
      }),
    steps: async (id, from = 1) => Promise.resolve(get(id).steps.filter(({ step }) => step >= from)),
    step: async (id, step) => {
      const { steps, seed, run } = get(id);
      const known = steps.find((other) => other.step === step);
      if (!known) throw notFound(`Step ${step}`);
      return Promise.resolve(scriptedStep(step, seed, run.config, known.at));
    },
    saveCheckpoint: async (id) => Promise.resolve(checkpoint(get(id))),
    keepCheckpoint: async (id, step, kept) => {
      const entry = get(id);
      const checkpoints = entry.run.checkpoints.map((info) =>
        info.step === step ? { ...info, kept } : info,
      );
      return Promise.resolve(change(entry, { checkpoints }));
    },
    deleteCheckpoint: async (id, step) => {
      const entry = get(id);
      const checkpoints = entry.run.checkpoints.filter((info) => info.step !== step);
      return Promise.resolve(change(entry, { checkpoints }));
    },
    exportRun: async (id, format, step, onProgress) => {
      onProgress?.({ done: 1, total: 2, unit: 'bytes' });
      await pause(pace / 4);
      const name = `${id}-${step ?? get(id).run.step}.${format === 'run' ? 's3run' : 'tar'}`;
      return { name, blob: new Blob(['scripted']), files: [{ path: name, bytes: 8 }] };
    },
    importRun: async (file) => {
      if (file.size < 4) throw new AppError('BAD_INPUT', 'This is no run.', { fix: 'Choose a .s3run file.' });
      const entry = hold(`run-${made + 1}`, { ...defaultRunConfig(), name: 'imported run' });
      while (entry.run.step < 12) makeStep(entry);
      return Promise.resolve(change(entry, { status: 'stopped' }));
    },
  };
}
