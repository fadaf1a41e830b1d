/** All that the pages share, made once by whoever mounts the app and handed down by context. */
import { createContext } from 'svelte';
import { AskRun } from './ask.svelte';
import { Corpora } from './corpora.svelte';
import { Evaluations } from './evaluation.svelte';
import { EndpointSettings, type EndpointStorage } from './endpoints.svelte';
import { Hub } from './hub.svelte';
import { Library } from './library.svelte';
import type { CapabilityReport, DemoQuestion, Laboratory, ModelOption } from './laboratory';
import { DEFAULT_LANES, type Lane } from './lanes';
import {
  outsideOf,
  usedByDraft,
  usedByEvaluation,
  usedByLanes,
  usedByTraining,
  type Outside,
  type Used,
} from './outside';
import { formatHash, parseHash, type PageId, type Route } from './route';
import { DEFAULT_SETTINGS, DEMO_MODEL, foundIn, type RunSettings } from './settings';
import { Theme, type ThemeEnvironment } from './theme.svelte';
import type { Training } from './train.svelte';

export interface SessionEnvironment {
  location: Pick<Location, 'hash'>;
  history: Pick<History, 'replaceState'>;
  theme: ThemeEnvironment;
  storage: EndpointStorage | null;
  /** Date and time, ISO 8601. */
  now: () => string;
}

export class Session {
  readonly laboratory: Laboratory;
  readonly ask: AskRun;
  readonly corpora: Corpora;
  readonly endpoints: EndpointSettings;
  readonly evaluations: Evaluations;
  readonly hub: Hub;
  readonly library: Library;
  readonly theme: Theme;
  /** Made with the first visit of the Train page, which brings its code. */
  training: Training | null = null;
  route = $state.raw<Route>({
    page: 'ask',
    question: '',
    settings: { ...DEFAULT_SETTINGS },
    lanes: DEFAULT_LANES,
  });
  capabilities = $state.raw<CapabilityReport | null>(null);
  models = $state.raw<ModelOption[]>([]);
  encoders = $state.raw<ModelOption[]>([]);
  demoQuestions = $state.raw<DemoQuestion[]>([]);
  #environment: SessionEnvironment;

  constructor(laboratory: Laboratory, environment: SessionEnvironment) {
    this.laboratory = laboratory;
    this.#environment = environment;
    this.ask = new AskRun(laboratory, environment.now);
    this.corpora = new Corpora(laboratory);
    this.endpoints = new EndpointSettings(laboratory, environment.storage);
    this.hub = new Hub(environment.storage, (address) => laboratory.useHub(address));
    this.library = new Library(laboratory, async () => {
      const models = await laboratory.models().catch(() => null);
      if (models) this.models = models;
      await this.corpora.refreshStorage();
    });
    this.evaluations = new Evaluations(
      () =>
        laboratory.evaluations(() => ({
          endpoints: this.endpoints.current,
          device: this.settings.device,
          hub: this.hub.address,
        })),
      (on) => void laboratory.keepAwake(on, 'evaluation'),
    );
    this.theme = new Theme(environment.theme);
    this.readHash();
  }

  get settings(): RunSettings {
    return this.route.settings;
  }

  /** The systems that the next question is put to. */
  get lanes(): readonly Lane[] {
    return this.route.lanes;
  }

  /** k of the run, whether it was chosen or comes with the searcher. */
  get found(): number {
    const searcher = this.models.find((model) => model.id === this.settings.searcher);
    return foundIn(this.settings, searcher?.search?.documentsPerQuery);
  }

  /** Hosts that what is in view would talk to, or what runs now does; empty when nothing leaves the tab. */
  get outside(): Outside[] {
    return outsideOf([...this.#inView(), ...this.#underWay()], {
      endpoints: this.endpoints.current,
      corpora: this.corpora.list,
    });
  }

  #inView(): Used[] {
    const { evaluations, training } = this;
    if (this.route.page === 'evaluate') {
      const { draft, record } = evaluations;
      const open = record && record.status !== 'finished' ? [usedByEvaluation(record.config)] : [];
      return [usedByDraft(draft), ...open];
    }
    if (this.route.page === 'train' && training) {
      return [usedByTraining(training.run?.config ?? training.draft.config)];
    }
    return [usedByLanes(this.lanes, this.settings)];
  }

  #underWay(): Used[] {
    const evaluated = this.evaluations.activeRecord;
    const trained = this.training?.active;
    return [
      ...(this.ask.busy ? [usedByLanes(this.lanes, this.settings)] : []),
      ...(evaluated ? [usedByEvaluation(evaluated.config)] : []),
      ...(trained ? [usedByTraining(trained.config)] : []),
    ];
  }

  readHash(): void {
    this.route = parseHash(this.#environment.location.hash);
  }

  hrefOf(page: PageId): string {
    return formatHash({ ...this.route, page });
  }

  /** Changes the state in the URL without a new entry in the history. */
  update(change: Partial<Pick<Route, 'question' | 'lanes'>> & { settings?: Partial<RunSettings> }): void {
    const settings = { ...this.route.settings, ...change.settings };
    this.route = { ...this.route, ...change, settings };
    this.#environment.history.replaceState(null, '', formatHash(this.route));
  }

  /** Puts the demo model wherever a model played a part that is about to go: what a run needs must be there. */
  dropModel(id: string): void {
    const gone = (choice: string | undefined): boolean => choice?.split('..')[0] === id;
    const { searcher, generator } = this.settings;
    this.update({
      settings: {
        ...(gone(searcher) && { searcher: DEMO_MODEL }),
        ...(gone(generator) && { generator: DEMO_MODEL }),
      },
      lanes: this.lanes.map(({ system, ...own }) => ({
        system,
        ...(own.searcher !== undefined && !gone(own.searcher) && { searcher: own.searcher }),
        ...(own.generator !== undefined && !gone(own.generator) && { generator: own.generator }),
      })),
    });
  }

  /** Looks around, each thing by itself: a page works with whatever has come. */
  async begin(): Promise<void> {
    const { laboratory } = this;
    await Promise.allSettled([
      laboratory.capabilities().then((report) => (this.capabilities = report)),
      laboratory.models().then((models) => (this.models = models)),
      laboratory.encoders().then((encoders) => (this.encoders = encoders)),
      laboratory.demoQuestions().then((questions) => (this.demoQuestions = questions)),
      this.corpora.refresh(),
    ]);
  }
}

export const [getSession, setSession] = createContext<Session>();
