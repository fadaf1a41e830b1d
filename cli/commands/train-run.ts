/** A run under way on the command line: what it tells, and what Ctrl-C does. */
import { setMaxListeners } from 'node:events';
import { basename, dirname, resolve } from 'node:path';
import { systemClock } from '../../src/platform/clock';
import { folderRunParts } from '../run-folder';
import { holdRun } from '../run-lock';
import { AppError } from '../../src/protocol/errors';
import type { RunRecord, StepRecord } from '../../src/train/records';
import { RunStore } from '../../src/train/runs/run-store';
import { TrainingRun, type TrainingEvent } from '../../src/train/runs/training-run';
import type { Console } from '../command';
import { progressNotes } from '../progress';
import { sessionOpener } from './train-session';

// Every episode under way listens for the end of the run; Node warns from eleven on.
setMaxListeners(256);

export interface RunFolder {
  store: RunStore;
  run: string;
  folder: string;
}

export function runFolder(path: string): RunFolder {
  const folder = resolve(path);
  return { store: new RunStore(folderRunParts(dirname(folder))), run: basename(folder), folder };
}

/** @throws AppError BUSY, and what the run failed with */
export async function trainInFolder({ store, run, folder }: RunFolder, console: Console): Promise<RunRecord> {
  const record = await holdRun(folder, async () => {
    const training = new TrainingRun({
      ...{ run, store, clock: systemClock, now: () => new Date().toISOString() },
      open: sessionOpener(console, folder),
      emit: teller(console, await store.get(run)),
      heapBytes: () => process.memoryUsage().heapUsed,
    });
    const stop = (): void => {
      console.note('Stopping: the last whole step is saved.');
      training.stop();
    };
    if (console.signal.aborted) stop();
    console.signal.addEventListener('abort', stop, { once: true });
    try {
      return await training.train();
    } finally {
      console.signal.removeEventListener('abort', stop);
    }
  });
  if (record.status === 'failed' && record.error) throw AppError.from(record.error);
  if (console.json) console.out(JSON.stringify({ run: record }));
  else if (record.status === 'stopped') {
    console.note(`Stopped after step ${record.step}. Go on with: s3 train resume ${folder}`);
  } else console.out(`${folder}: ${record.step} steps done`);
  return record;
}

function teller(console: Console, { config }: RunRecord): (event: TrainingEvent) => void {
  const loading = progressNotes(console);
  const phases = progressNotes(console);
  const pace = new Pace();
  return (event) => {
    switch (event.type) {
      case 'loading':
        loading({ label: event.label, done: event.done, total: event.total });
        break;
      case 'progress': {
        const { step, phase, done, total } = event.progress;
        phases({ label: `Step ${step}, ${phase}`, done, total });
        break;
      }
      case 'notice':
        console.note(event.message);
        break;
      case 'step': {
        const { rollouts: _, ...summary } = event.step;
        if (console.json) console.out(JSON.stringify(summary));
        console.note(stepLine(event.step, config.ppo.run.steps, pace.add(event.step)));
        break;
      }
      case 'status':
        break;
    }
  };
}

/** Seconds of a step, the last ones counting most. */
class Pace {
  #seconds: number | undefined;

  add({ metrics: { stepSeconds = 0, checkpointSeconds = 0 } }: StepRecord): number {
    const seconds = stepSeconds + checkpointSeconds;
    this.#seconds = this.#seconds === undefined ? seconds : 0.8 * this.#seconds + 0.2 * seconds;
    return this.#seconds;
  }
}

const shown = (value: number | undefined, digits = 3): string =>
  value === undefined ? '–' : value.toFixed(digits);

export function stepLine({ step, metrics: m }: StepRecord, steps: number | null, pace: number): string {
  const left = steps === null ? '' : `, ${duration((steps - step) * pace)} left`;
  return [
    `Step ${step}${steps === null ? '' : `/${steps}`}:`,
    `score ${shown(m.score)}, accuracy ${shown(m.accuracy)}, gold found ${shown(m.goldInContext)},`,
    `searches ${shown(m.searches, 2)}, entropy ${shown(m.entropy)}, KL ${shown(m.approximateKl, 4)},`,
    `clipped ${shown(m.clipFraction)}; ${shown(m.stepSeconds, 1)} s${left}`,
  ].join(' ');
}

export function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
