/** `@huggingface/transformers` as a `TokenModel`. */
import { AppError, isAbort } from '../../protocol/errors';
import type { EncoderDevice } from '../../protocol/corpus';
import type { EncoderPlatform, TransformersLibrary } from '../../protocol/encoder';
import type { Fetch } from '../../protocol/clock';
import type { EncoderSpec } from './catalog';
import type { TokenModel } from './e5-encoder';
import { configureLibrary, ownCacheDir } from './library';

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

/** Loads tokenizer and model onto one device. Rejects with an `AppError`. */
export async function loadTransformersModel(
  library: TransformersLibrary,
  platform: EncoderPlatform,
  location: ModelLocation,
  device: EncoderDevice,
  fetch: Fetch,
): Promise<LoadedModel> {
  const { spec } = location;
  const { remoteHost } = location;
  const local = spec.repository === null;
  configureLibrary(library, platform, { local, revision: spec.revision, remoteHost }, fetch);
  const name = spec.repository ?? spec.id;
  const files = {
    cache_dir: ownCacheDir(platform.cacheDir),
    ...(local ? {} : { revision: spec.revision }),
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
