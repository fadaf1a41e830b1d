/** How models that were trained here were trained to search: kept beside them, because their files do not say. */
import * as v from 'valibot';

const KEY = 's3-web.trained-models';
const search = v.object({
  promptStyle: v.picklist(['full', 'compact']),
  documentsPerQuery: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3000)),
});
const schema = v.record(v.string(), search);

type Search = v.InferOutput<typeof search>;

/** What of a model option matters here. */
interface Searcher {
  id: string;
  search?: Search;
}

export class TrainedModels {
  #storage: Pick<Storage, 'getItem' | 'setItem'> | null;

  constructor(storage: Pick<Storage, 'getItem' | 'setItem'> | null) {
    this.#storage = storage;
  }

  #read(): Record<string, Search> {
    try {
      const parsed = v.safeParse(schema, JSON.parse(this.#storage?.getItem(KEY) ?? '{}'));
      return parsed.success ? parsed.output : {};
    } catch {
      // No JSON, or storage that is denied: nothing is known.
      return {};
    }
  }

  /** By the id that settings name it by. */
  remember(id: string, how: Search): void {
    try {
      this.#storage?.setItem(KEY, JSON.stringify({ ...this.#read(), [id]: how }));
    } catch {
      // Denied or full: the model then starts from the paper's settings, which can be changed on the page.
    }
  }

  /** Adds what is known to the options that say nothing themselves. */
  known<Option extends Searcher>(options: readonly Option[]): Option[] {
    const all = this.#read();
    return options.map((option) => {
      const how = Object.hasOwn(all, option.id) ? all[option.id] : undefined;
      return option.search || !how ? option : { ...option, search: how };
    });
  }
}
