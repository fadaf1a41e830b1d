import { AppError, throwIfAborted } from '../../protocol/errors';
import type { Clock } from '../../protocol/clock';
import type { EncoderInfo } from '../../protocol/corpus';
import type { Encoder, OnProgress, Passage } from '../../protocol/retrieval';
import { createPauser } from '../yielding';
import { BatchSizer } from './batches';
import { MAX_TOKENS, passageText, poolRows, queryText } from './e5';

/** A BERT-like model: token ids in, hidden states out. */
export interface TokenModel {
  readonly padId: number;
  /** Token ids with the special tokens, cut to `maxTokens` with the last special token kept. */
  tokenize(text: string, maxTokens: number): number[];
  /** `ids` and `mask` are [rows, length]; returns the last hidden state [rows, length, dimensions]. */
  run(ids: BigInt64Array, mask: BigInt64Array, rows: number, length: number): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Texts that are tokenised and sorted together: bounds memory, and no run waits for the tokens of a whole corpus. */
const WINDOW = 2048;

/** Computes E5 embeddings with any such model. Calls run one after another; each may be aborted between its batches. */
export class E5Encoder implements Encoder {
  readonly info: EncoderInfo;
  readonly #model: TokenModel;
  readonly #clock: Clock;
  readonly #sizer = new BatchSizer();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(model: TokenModel, info: EncoderInfo, clock: Clock) {
    this.#model = model;
    this.info = info;
    this.#clock = clock;
  }

  get dimensions(): number {
    return this.info.dimensions;
  }

  embedQueries(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]> {
    return this.#enqueue(() => this.#embed(texts.map(queryText), undefined, signal));
  }

  embedPassages(
    passages: readonly Passage[],
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Float32Array[]> {
    return this.#enqueue(() => this.#embed(passages.map(passageText), onProgress, signal));
  }

  dispose(): Promise<void> {
    return this.#enqueue(() => this.#model.dispose());
  }

  /** One short run: compiles what is compiled lazily, and shows whether the numbers can be used at all. */
  async warmUp(): Promise<void> {
    const [first, second] = await this.#embed(
      ['query: warm up', 'passage: another text'],
      undefined,
      undefined,
    );
    if (!first || !second || first.every((x, i) => Math.abs(x - (second[i] ?? 0)) < 1e-9)) {
      throw new AppError(
        'DEVICE_LOST',
        `The encoder gives the same vector for every text on ${this.info.device}.`,
        {
          fix: 'Choose WASM for the encoder, or update the browser and the graphics driver.',
        },
      );
    }
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined); // The caller hears of it; the next call is not to.
    return result;
  }

  async #embed(
    texts: readonly string[],
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[]> {
    throwIfAborted(signal);
    const vectors = new Array<Float32Array>(texts.length);
    // WebAssembly runs without ever giving way: an abort would be heard only at the end.
    const pause = createPauser(signal);
    let done = 0;
    for (let start = 0; start < texts.length; start += WINDOW) {
      const window: { at: number; ids: number[] }[] = [];
      for (const [i, text] of texts.slice(start, start + WINDOW).entries()) {
        window.push({ at: start + i, ids: this.#model.tokenize(text, MAX_TOKENS) });
        await pause();
      }
      window.sort((a, b) => a.ids.length - b.ids.length || a.at - b.at);
      const lengths = window.map(({ ids }) => ids.length);
      for (let i = 0; i < window.length;) {
        throwIfAborted(signal);
        const batch = window.slice(i, i + this.#sizer.take(lengths, i));
        const pooled = await this.#run(batch.map(({ ids }) => ids));
        batch.forEach(({ at }, row) => {
          const vector = pooled[row];
          if (vector) vectors[at] = vector;
        });
        i += batch.length;
        done += batch.length;
        onProgress?.({ done, total: texts.length, unit: 'passages', label: 'Embedding' });
        await pause();
      }
    }
    return vectors;
  }

  async #run(rows: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const length = Math.max(...rows.map((ids) => ids.length));
    const ids = new BigInt64Array(rows.length * length).fill(BigInt(this.#model.padId));
    const mask = new BigInt64Array(rows.length * length);
    rows.forEach((row, r) => {
      row.forEach((id, t) => {
        ids[r * length + t] = BigInt(id);
        mask[r * length + t] = 1n;
      });
    });
    const started = this.#clock.now();
    const hidden = await this.#model.run(ids, mask, rows.length, length);
    this.#sizer.record(rows.length * length, this.#clock.now() - started);
    const pooled = poolRows(
      hidden,
      length,
      rows.map((row) => row.length),
    );
    for (const vector of pooled) {
      if (vector.length === this.dimensions && vector.every(Number.isFinite)) continue;
      throw new AppError('DEVICE_LOST', `The encoder's numbers on ${this.info.device} are not usable.`, {
        fix: 'Choose WASM for the encoder, or reload the page.',
      });
    }
    return pooled;
  }
}
