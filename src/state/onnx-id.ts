import { slugOf } from '../protocol/model-ids';
import type { ModelOption, OnnxModel } from './laboratory';

/** Its name in links and settings; ids of stored models end in another word. */
export const onnxId = ({ repository, revision, dtype }: OnnxModel): string =>
  [slugOf(repository, 80), ...(revision === 'main' ? [] : [slugOf(revision, 24)]), dtype, 'onnx'].join('-');

export const onnxOption = (model: OnnxModel): ModelOption => ({
  id: onnxId(model),
  name: model.repository,
  note: `ONNX, ${model.dtype}, by transformers.js`,
  bytes: model.bytes,
  onnx: true,
});
