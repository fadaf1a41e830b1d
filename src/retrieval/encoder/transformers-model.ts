/** `@huggingface/transformers` as a `TokenModel`. All of its global settings are made here, before each load. */
import { AppError, isAbort } from '../../protocol/errors';
import type { EncoderDevice } from '../../protocol/corpus';
import type { EncoderPlatform, TransformersLibrary } from '../../protocol/encoder';
import type { Fetch } from '../../protocol/clock';
import type { EncoderSpec } from './catalog';
import type { TokenModel } from './e5-encoder';

export const HUB = 'https://huggingface.co/';

/** No token is longer than this many characters on average; more text cannot reach the model anyway. */
const MAX_CHARACTERS = 20_000;

export interface LoadedModel {
  model: TokenModel;
  dimensions: number;
}

export interface ModelLocation {
  spec: EncoderSpec;
  /** A hub, with a slash at the end. */
  remoteHost: string;
}

function configure(
  library: TransformersLibrary,
  platform: EncoderPlatform,
  { spec, remoteHost }: ModelLocation,
  fetch: Fetch,
): void {
  const { env } = library;
  const local = spec.repository === null;
  // What comes with the page is asked for like a hub's: a failed request for a "local" file counts for the library as "there is
  // none", and it remembers that of the tokenizer for ever. Only a folder on disk is local to it.
  const folder = local && !/^https?:\/\//.test(platform.localModels);
  env.allowLocalModels = folder;
  env.allowRemoteModels = !folder;
  env.localModelPath = platform.localModels;
  env.remoteHost = local ? platform.localModels : remoteHost;
  // The library looks for the tokenizer's files at `main` whatever revision it is told; so the path names it.
  env.remotePathTemplate = local ? '{model}/' : `{model}/resolve/${encodeURIComponent(spec.revision)}/`;
  // What comes with the page changes with the page: a cached copy would outlive it. Downloads are kept.
  env.useBrowserCache = !local && typeof caches !== 'undefined';
  env.useFSCache = !folder && platform.cacheDir !== undefined;
  if (platform.cacheDir !== undefined) env.cacheDir = platform.cacheDir;
  // It would import ONNX Runtime from a blob: URL, which the security policy of the page refuses.
  env.useWasmCache = false;
  env.logLevel = library.LogLevel.ERROR;
  env.fetch = (input: string | URL, init?: RequestInit) => fetch(String(input), init);
}

let loads = 0;

/**
 * The library joins a load to one of the same file that is still under way, and so to one that is just being aborted. It tells files apart
 * by this option, among others; a path means the same with more slashes at its end.
 */
const ownCacheDir = (cacheDir: string | undefined): string => (cacheDir ?? '') + '/'.repeat(++loads);

/** Loads tokenizer and model onto one device. Rejects with an `AppError`. */
export async function loadTransformersModel(
  library: TransformersLibrary,
  platform: EncoderPlatform,
  location: ModelLocation,
  device: EncoderDevice,
  fetch: Fetch,
): Promise<LoadedModel> {
  const { spec } = location;
  configure(library, platform, location, fetch);
  const name = spec.repository ?? spec.id;
  const files = {
    cache_dir: ownCacheDir(platform.cacheDir),
    ...(spec.repository === null ? {} : { revision: spec.revision }),
  };
  const { executionProviders } = platform.wasm;
  try {
    const tokenizer = await library.AutoTokenizer.from_pretrained(name, files);
    const model = await library.AutoModel.from_pretrained(name, {
      ...files,
      dtype: spec.dtype,
      device: device === 'webgpu' ? 'webgpu' : platform.wasm.device,
      ...(device === 'wasm' && executionProviders ? { session_options: { executionProviders } } : {}),
    });
    const dimensions: unknown = Reflect.get(model.config, 'hidden_size');
    if (typeof dimensions !== 'number') {
      throw new AppError('UNSUPPORTED', `${spec.id} is not a model of the BERT kind.`, {
        fix: 'Choose an encoder such as intfloat/e5-small-v2.',
      });
    }
    return { model: wrap(library, tokenizer, model), dimensions };
  } catch (error) {
    throw describe(error, spec);
  }
}

type Tokenizer = Awaited<ReturnType<TransformersLibrary['AutoTokenizer']['from_pretrained']>>;
type Model = Awaited<ReturnType<TransformersLibrary['AutoModel']['from_pretrained']>>;

function wrap({ Tensor }: TransformersLibrary, tokenizer: Tokenizer, model: Model): TokenModel {
  return {
    padId: tokenizer.pad_token_id,
    tokenize(text, maxTokens) {
      const ids = tokenizer.encode(text.slice(0, MAX_CHARACTERS));
      // The library's own truncation drops the closing [SEP], the models' reference implementation keeps it.
      return ids.length <= maxTokens ? ids : [...ids.slice(0, maxTokens - 1), ...ids.slice(-1)];
    },
    async run(ids, mask, rows, length) {
      const dims = [rows, length];
      const outputs: unknown = await model({
        input_ids: new Tensor('int64', ids, dims),
        attention_mask: new Tensor('int64', mask, dims),
        token_type_ids: new Tensor('int64', new BigInt64Array(rows * length), dims),
      });
      const hidden: unknown = Reflect.get(Object(outputs), 'last_hidden_state');
      if (!(hidden instanceof Tensor) || !(hidden.data instanceof Float32Array)) {
        throw new AppError('UNSUPPORTED', 'The model has no output last_hidden_state in 32-bit floats.', {
          fix: 'Choose an encoder such as intfloat/e5-small-v2.',
        });
      }
      return hidden.data;
    },
    async dispose() {
      await model.dispose();
    },
  };
}

/** The library throws plain errors of many kinds. */
function describe(error: unknown, spec: EncoderSpec): unknown {
  if (error instanceof AppError || isAbort(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (/not found|could not locate|404/i.test(message)) {
    return new AppError(
      'NOT_FOUND',
      `The encoder ${spec.id} (${spec.revision}) has no file that is needed.`,
      {
        fix: 'Check the name and the revision; the repository needs tokenizer.json and an ONNX model.',
        cause: error,
        context: { detail: message.slice(0, 300) },
      },
    );
  }
  return new AppError(
    'BAD_RESPONSE',
    `The encoder ${spec.id} could not be started: ${message.slice(0, 200)}`,
    {
      fix: 'Try again, or choose another encoder.',
      cause: error,
    },
  );
}
