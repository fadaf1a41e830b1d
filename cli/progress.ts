import type { OnImportProgress } from '../src/protocol/model-import';
import type { Progress } from '../src/protocol/retrieval';
import type { Console } from './command';

/** Between two lines of progress, in milliseconds. */
const interval = 2000;

/** Of the rooms' own progress, or of anything else that is counted; without a unit the label says what. */
export type ToldProgress = Omit<Progress, 'unit'> & { unit?: string };

/** Tells progress on standard error: at most a line every two seconds, with rate and time left. */
export function progressNotes(
  console: Pick<Console, 'note'>,
  now: () => number = () => performance.now(),
): (progress: ToldProgress) => void {
  let label: string | undefined;
  let startedAt = 0;
  let toldAt = 0;
  return (progress) => {
    const time = now();
    if (progress.label !== label) {
      label = progress.label;
      startedAt = time;
      toldAt = time;
      return;
    }
    if (time - toldAt < interval) return;
    toldAt = time;
    const { done, total, unit } = progress;
    const rate = done / ((time - startedAt) / 1000);
    const left = rate > 0 ? `, ${Math.ceil((total - done) / rate)} s left` : '';
    const counted = unit === undefined ? '' : ` ${unit}`;
    const speed = rate < 9.95 ? rate.toPrecision(2) : rate.toFixed(0);
    console.note(`${label ?? 'Working'}: ${done}/${total}${counted}, ${speed}/s${left}`);
  };
}

/** The same for an import; what an earlier run had left does not count for the rate. */
export function importNotes(
  console: Pick<Console, 'note'>,
  now: () => number = () => performance.now(),
): OnImportProgress {
  const startedAt = now();
  let toldAt = startedAt;
  return ({ phase, done, total, resumed, label }) => {
    const time = now();
    if (phase === 'finish') console.note(`Import: all ${megabytes(total)} are here.`);
    if (phase !== 'transfer' || time - toldAt < interval) return;
    toldAt = time;
    const rate = (done - resumed) / ((time - startedAt) / 1000);
    const left = rate > 0 ? `, ${Math.ceil((total - done) / rate)} s left` : '';
    const share = total > 0 ? ` (${Math.floor((100 * done) / total)} %)` : '';
    console.note(
      `Import: ${megabytes(done)} of ${megabytes(total)}${share}, ${megabytes(rate)}/s${left}; ${label}`,
    );
  };
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
