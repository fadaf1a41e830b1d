import { AppError } from '../../protocol/errors';
import type { EncoderDtype } from '../../protocol/corpus';
import type { EncoderOption, EncoderRequest } from '../../protocol/encoder';

export const DEMO_ENCODER = 'demo-encoder';
/** The revision of what comes with the project. */
export const LOCAL_REVISION = 'local';

/**
 * E5 v2 by Wang et al. (arXiv 2212.03533). The authors' repositories hold PyTorch weights and, in part, ONNX files split in two;
 * the Xenova ones hold the same weights as single ONNX files in the layout that the library expects.
 */
export const ENCODERS: readonly EncoderOption[] = [
  {
    id: DEMO_ENCODER,
    name: 'Demo encoder',
    note: 'a small BERT trained on invented worlds; comes with the page',
    repository: null,
    revision: LOCAL_REVISION,
    dimensions: 128,
    dtype: 'fp32',
    bytes: 4_000_000,
  },
  {
    id: 'intfloat/e5-small-v2',
    name: 'E5 small v2',
    note: '33 M parameters; a good first choice for English text',
    repository: 'Xenova/e5-small-v2',
    revision: 'main',
    dimensions: 384,
    dtype: 'fp32',
    bytes: 134_000_000,
  },
  {
    id: 'intfloat/e5-base-v2',
    name: 'E5 base v2',
    note: '110 M parameters; the encoder of s3',
    repository: 'Xenova/e5-base-v2',
    revision: 'main',
    dimensions: 768,
    dtype: 'fp32',
    bytes: 436_000_000,
  },
  {
    id: 'intfloat/e5-large-v2',
    name: 'E5 large v2',
    note: '335 M parameters; slow without a GPU',
    repository: 'Xenova/e5-large-v2',
    revision: 'main',
    dimensions: 1024,
    dtype: 'fp32',
    bytes: 1_337_000_000,
  },
];

/** A request with everything decided but the device. */
export interface EncoderSpec {
  id: string;
  /** `null`: local. */
  repository: string | null;
  revision: string;
  dtype: EncoderDtype;
}

const HUB_ID = /^[\w.-]+\/[\w.-]+$/;

export function resolveEncoder({ id, revision, dtype }: EncoderRequest): EncoderSpec {
  const known = ENCODERS.find((option) => option.id === (id === 'demo' ? DEMO_ENCODER : id));
  if (known) {
    const { repository } = known;
    return {
      id: known.id,
      repository,
      revision: repository === null ? LOCAL_REVISION : (revision ?? known.revision),
      dtype: dtype ?? known.dtype,
    };
  }
  if (!HUB_ID.test(id) || id.includes('..')) {
    throw new AppError('BAD_INPUT', `"${id}" is no encoder.`, {
      fix: `Choose one of ${ENCODERS.map((option) => option.id).join(', ')}, or give owner/name of an ONNX repository.`,
    });
  }
  return { id, repository: id, revision: revision ?? 'main', dtype: dtype ?? 'fp32' };
}

/** The model's file in its repository, by the library's rule. */
export const modelFile = (dtype: EncoderDtype): string =>
  ({ fp32: 'onnx/model.onnx', fp16: 'onnx/model_fp16.onnx', q8: 'onnx/model_quantized.onnx' })[dtype];

/** Every file that a load reads. */
export const encoderFiles = (dtype: EncoderDtype): string[] => [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  modelFile(dtype),
];
