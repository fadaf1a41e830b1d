import { createContext } from 'svelte';
import type { RunConfig } from '../../train/records';
import type { StepSummary } from '../../train/worker-api';
import type { RunView } from '../../state/train-run.svelte';
import type { Training } from '../../state/train.svelte';

/** What all charts share: whose curves, how smooth, where the cursor is. */
export class ChartsUi {
  smoothing = $state(0.6);
  as = $state<'charts' | 'table'>('charts');
  /** The step under the pointer, in whichever chart. */
  cursor = $state<number | null>(null);
  #training: Training;
  #view: () => RunView;
  #config: () => RunConfig;

  constructor(training: Training, view: () => RunView, config: () => RunConfig) {
    this.#training = training;
    this.#view = view;
    this.#config = config;
  }

  get config(): RunConfig {
    return this.#config();
  }

  get steps(): readonly StepSummary[] {
    return this.#view().steps;
  }

  get beside(): Training['beside'] {
    return this.#training.beside;
  }

  get at(): number | null {
    return this.#view().at;
  }

  get shown(): number {
    return this.#view().shown;
  }

  /** Where the x axis ends: with the run, unless that is far off. */
  get end(): number {
    const last = Math.max(this.#view().last, ...this.beside.map(({ steps }) => steps.at(-1)?.step ?? 0));
    const wanted = this.config.ppo.run.steps ?? 0;
    return wanted > last && wanted <= Math.max(20, last * 3) ? wanted : last;
  }

  point(step: number | null): void {
    this.cursor = step;
  }

  pick(step: number): void {
    this.#view().look(step);
  }
}

export const [getCharts, setCharts] = createContext<ChartsUi>();
