import * as v from 'valibot';
import { endTokens, LocalModel } from '../../lm/local-model';
import { ChatTemplate } from '../../lm/text/chat-template';
import { TextTokenizer } from '../../lm/text/tokenizer';
import type { Fetch } from '../../protocol/clock';
import type { EncoderPlatform, TransformersLibrary } from '../../protocol/encoder';
import { AppError, isAbort, throwIfAborted } from '../../protocol/errors';
import type { OnProgress } from '../../protocol/retrieval';
import type {
  TextGenerationDevice,
  TextGenerationDownload,
  TextGenerationDtype,
  TextGenerationInfo,
  TextGenerationRequest,
} from '../../protocol/text-generation-worker';
import { configureLibrary, ownCacheDir } from '../../retrieval/encoder/library';
import { createModelFetch } from '../../retrieval/encoder/model-fetch';
import { OnnxEngine, type CausalModel } from './onnx-engine';
import {
  chooseDtype,
  externalDataFiles,
  fileUrl,
  measureRepository,
  requiredFiles,
  resolveRepository,
  type Repository,
} from './repository';

export interface LoadTextGenerationOptions {
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
  /** See `ModelFetchOptions`. */
  stallMs?: number | undefined;
}

export interface LoadedTextGeneration {
  model: LocalModel;
  info: TextGenerationInfo;
  /** Ends what runs and frees everything. */
  dispose(): Promise<void>;
}

const DEFAULT_MAX_CONTEXT = 8192;

/** Where the library asks for a further file of weights, it must be there. */
const ALL_EXTERNAL = { 'transformers.js_config': { use_external_data_format: 100 } };

/** Why WebGPU is not used; null where it is to be. @throws AppError UNSUPPORTED where it was demanded */
async function refusalOf(request: TextGenerationRequest, platform: EncoderPlatform): Promise<string | null> {
  const wanted = request.device ?? 'auto';
  if (wanted === 'wasm') return '';
  const refusal = await platform.refuseWebGpu(wanted === 'webgpu');
  if (refusal === null || wanted === 'auto') return refusal;
  throw new AppError('UNSUPPORTED', `The model cannot run on WebGPU: ${refusal}`, {
    fix: 'Choose WASM for the model.',
  });
}

const plainFetch = (platform: EncoderPlatform, { signal }: LoadTextGenerationOptions): Fetch =>
  createModelFetch({ fetch: platform.fetch, clock: platform.clock, signal });

/** See `TextGenerationWorkerApi.measure`. */
export async function measureTextGeneration(
  request: TextGenerationRequest,
  platform: EncoderPlatform,
  options: LoadTextGenerationOptions = {},
): Promise<TextGenerationDownload> {
  const repository = resolveRepository(request);
  const device = (await refusalOf(request, platform)) === null ? 'webgpu' : 'wasm';
  const fetch = plainFetch(platform, options);
  const dtype = request.dtype ?? (await chooseDtype(repository, device, fetch));
  return measureRepository(repository, dtype, fetch);
}

/**
 * Loads a model: WebGPU where it is of use, WASM otherwise; `info.device` and `info.reason` say which and why. Loads must not
 * overlap (`TextGenerationHost` sees to that).
 */
export async function loadTextGeneration(
  request: TextGenerationRequest,
  platform: EncoderPlatform,
  options: LoadTextGenerationOptions = {},
): Promise<LoadedTextGeneration> {
  throwIfAborted(options.signal);
  const repository = resolveRepository(request);
  const refusal = await refusalOf(request, platform);
  const library = await platform.importLibrary();
  const start = async (device: TextGenerationDevice, reason: string): Promise<LoadedTextGeneration> => {
    const dtype = request.dtype ?? (await chooseDtype(repository, device, plainFetch(platform, options)));
    const place: Place = { library, platform, repository, dtype, device, maxContext: request.maxContext };
    const loaded = await loadOn(place, options);
    return reason === '' ? loaded : { ...loaded, info: { ...loaded.info, reason } };
  };
  if (refusal !== null) return start('wasm', refusal);
  try {
    return await start('webgpu', '');
  } catch (error) {
    // What is wrong with the files or the network would be wrong with WASM, too.
    const here =
      error instanceof AppError && ['DEVICE_LOST', 'BAD_RESPONSE', 'OUT_OF_MEMORY'].includes(error.code);
    if (request.device === 'webgpu' || !here) throw error;
    return start('wasm', `WebGPU failed: ${error.message}`);
  }
}

interface Place {
  library: TransformersLibrary;
  platform: EncoderPlatform;
  repository: Repository;
  dtype: TextGenerationDtype;
  device: TextGenerationDevice;
  maxContext: number | undefined;
}

async function loadOn(place: Place, options: LoadTextGenerationOptions): Promise<LoadedTextGeneration> {
  const { library, platform, repository, dtype, device } = place;
  const { signal, onProgress, stallMs } = options;
  const { fetch, failed } = watched(
    createModelFetch({
      ...{ fetch: platform.fetch, clock: platform.clock, signal, onProgress },
      required: [...requiredFiles(dtype), ...externalDataFiles(ALL_EXTERNAL, dtype)],
      ...(stallMs !== undefined && { stallMs }),
    }),
  );
  const { id, revision, hub } = repository;
  configureLibrary(library, platform, { local: false, revision, remoteHost: hub }, fetch);
  const files = { cache_dir: ownCacheDir(platform.cacheDir), revision };
  const { executionProviders } = platform.wasm;
  let network: CausalModel | undefined;
  try {
    const texts = await textFiles(place, files, fetch);
    const tokenizer = new TextTokenizer(texts.tokenizer, texts.tokenizerConfig);
    const template = ChatTemplate.find(texts.tokenizerConfig, texts.chatTemplate);
    const loading = library.AutoModelForCausalLM.from_pretrained(id, {
      ...files,
      dtype,
      device: device === 'webgpu' ? 'webgpu' : platform.wasm.device,
      ...(device === 'wasm' && executionProviders ? { session_options: { executionProviders } } : {}),
    });
    network = await Promise.race([loading, failed]).catch((error: unknown) => {
      void loading.then((late) => late.dispose()).catch(() => undefined); // Its failure is this one.
      throw error;
    });
    const { maxContext, eosTokenIds } = readConfig(network, place.maxContext);
    const engine = new OnnxEngine(library, network, maxContext);
    // One token: what is compiled lazily is compiled, and it shows whether the numbers can be used at all.
    await engine.generateTokens({
      tokens: [0],
      maxNewTokens: 1,
      sampling: { temperature: 0 },
      ...(signal && { signal }),
    });
    const ends = endTokens(network.generation_config, eosTokenIds, tokenizer);
    const model = new LocalModel({ id, engine, tokenizer, template, eosTokenIds: ends });
    return {
      model,
      info: { id, revision, dtype, device, maxContext, chat: template !== undefined },
      async dispose() {
        await model.dispose();
        await engine.disposed;
      },
    };
  } catch (error) {
    await network?.dispose();
    throw describe(error, repository);
  }
}

/** A `fetch`, and a promise that rejects with its first failure: the library waits for ever where a second file of weights fails. */
function watched(fetch: Fetch): { fetch: Fetch; failed: Promise<never> } {
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => (fail = reject));
  failed.catch(() => undefined); // Also where nobody waits for it.
  return {
    failed,
    fetch: (input, init) =>
      fetch(input, init).catch((error: unknown) => {
        fail(error);
        throw error;
      }),
  };
}

interface TextFiles {
  tokenizer: unknown;
  tokenizerConfig: unknown;
  chatTemplate?: string;
}

/** The tokenizer's files through the library, which keeps them, and the chat template that lies beside newer models. */
async function textFiles(
  { library, repository }: Place,
  files: { cache_dir: string; revision: string },
  fetch: Fetch,
): Promise<TextFiles> {
  // The library hands its constructor the two documents; a tokenizer of its own is not needed.
  class Documents {
    constructor(
      readonly tokenizer: unknown,
      readonly tokenizerConfig: unknown,
    ) {}
  }
  const load: unknown = Reflect.get(library.PreTrainedTokenizer, 'from_pretrained');
  const { tokenizer, tokenizerConfig } = (await Reflect.apply(
    load as typeof library.AutoTokenizer.from_pretrained,
    Documents,
    [repository.id, files],
  )) as unknown as Documents;
  if (v.is(v.looseObject({ chat_template: v.union([v.string(), v.array(v.unknown())]) }), tokenizerConfig)) {
    return { tokenizer, tokenizerConfig };
  }
  const response = await fetch(fileUrl(repository, 'chat_template.jinja'));
  return response.ok
    ? { tokenizer, tokenizerConfig, chatTemplate: await response.text() }
    : { tokenizer, tokenizerConfig };
}

const positions = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(2)));
const Config = v.looseObject({
  max_position_embeddings: positions,
  n_positions: positions,
  n_ctx: positions,
  eos_token_id: v.nullish(v.union([v.number(), v.array(v.number())])),
});

/** @throws AppError BAD_INPUT for a context that the model cannot have */
function readConfig(
  { config }: CausalModel,
  wanted: number | undefined,
): { maxContext: number; eosTokenIds: number[] } {
  const parsed = v.safeParse(Config, { ...config });
  const told = parsed.success ? parsed.output : {};
  const most = told.max_position_embeddings ?? told.n_positions ?? told.n_ctx ?? DEFAULT_MAX_CONTEXT;
  const maxContext = wanted ?? Math.min(most, DEFAULT_MAX_CONTEXT);
  if (!Number.isSafeInteger(maxContext) || maxContext < 2 || maxContext > most) {
    throw new AppError('BAD_INPUT', `This model cannot have a context of ${maxContext} tokens.`, {
      fix: `Choose between 2 and ${most}.`,
    });
  }
  return { maxContext, eosTokenIds: [told.eos_token_id ?? []].flat() };
}

/** The library and the runtime throw plain errors of many kinds. */
function describe(error: unknown, { id, revision }: Repository): unknown {
  if (error instanceof AppError || isAbort(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  const details = { cause: error, context: { detail: message.slice(0, 300) } };
  if (/unsupported model type|not supported by|does not support fp16/i.test(message)) {
    return new AppError('UNSUPPORTED', `${id} cannot be used here: ${message.slice(0, 200)}`, {
      fix: /fp16/.test(message)
        ? 'Choose another type of weights, such as q4.'
        : 'Choose a model that writes text, such as onnx-community/Qwen2.5-0.5B-Instruct.',
      ...details,
    });
  }
  if (/out of memory|bad_alloc|allocation failed|memory access out of bounds/i.test(message)) {
    return new AppError('OUT_OF_MEMORY', `There is not enough memory for ${id}.`, {
      fix: 'Choose a smaller model or a smaller type of weights, or close other pages.',
      ...details,
    });
  }
  if (/not found|could not locate|404/i.test(message)) {
    return new AppError('NOT_FOUND', `${id} (${revision}) lacks a file that is needed.`, {
      fix: 'Check name and revision; the repository needs tokenizer.json and an ONNX model.',
      ...details,
    });
  }
  return new AppError('BAD_RESPONSE', `${id} could not be started: ${message.slice(0, 200)}`, {
    fix: 'Try again, or choose another model.',
    ...details,
  });
}
