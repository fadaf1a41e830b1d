/** How models that were trained here were trained to search: kept beside them, because their files do not say. */
import * as v from 'valibot';

const KEY = 's3-web.trained-models';
const training = v.object({
  promptStyle: v.picklist(['full', 'compact']),
  documentsPerQuery: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3000)),
  /** The protocol that it learned; absent in what an earlier version wrote. */
  trainedFor: v.exactOptional(v.picklist(['demo', 's3', 'search-r1', 'deepretrieval'])),
  /** The sha256 of the checkpoint that it was made of. */
  checkpoint: v.exactOptional(v.string()),
});
const schema = v.record(v.string(), training);

export type KnownTraining = v.InferOutput<typeof training>;

/** What of a model option matters here. */
interface Searcher {
  id: string;
  search?: Pick<KnownTraining, 'promptStyle' | 'documentsPerQuery'>;
  trainedFor?: string;
}

export class TrainedModels {
  #storage: Pick<Storage, 'getItem' | 'setItem'> | null;

  constructor(storage: Pick<Storage, 'getItem' | 'setItem'> | null) {
    this.#storage = storage;
  }

  #read(): Record<string, KnownTraining> {
    try {
      const parsed = v.safeParse(schema, JSON.parse(this.#storage?.getItem(KEY) ?? '{}'));
      return parsed.success ? parsed.output : {};
    } catch {
      // No JSON, or storage that is denied: nothing is known.
      return {};
    }
  }

  /** By the id that settings name it by. */
  remember(id: string, how: KnownTraining): void {
    try {
      this.#storage?.setItem(KEY, JSON.stringify({ ...this.#read(), [id]: how }));
    } catch {
      // Denied or full: the model then starts from the paper's settings, which can be changed on the page.
    }
  }

  /** The ids of the models that were made of a checkpoint, whether they are still there or not. */
  madeOf(checkpoint: string): string[] {
    return Object.entries(this.#read()).flatMap(([id, how]) => (how.checkpoint === checkpoint ? id : []));
  }

  /** Adds what is known to the options that say nothing themselves. */
  known<Option extends Searcher>(options: readonly Option[]): Option[] {
    const all = this.#read();
    return options.map((option) => {
      const how = Object.hasOwn(all, option.id) ? all[option.id] : undefined;
      if (!how) return option;
      const { trainedFor, promptStyle, documentsPerQuery } = how;
      // What was learned here is what it knows, whatever its base was made for.
      return {
        ...option,
        ...(!option.search && { search: { promptStyle, documentsPerQuery } }),
        ...(trainedFor && { trainedFor }),
      };
    });
  }
}
