/** A checkpoint as other programs read it. */
import { safetensorsFiles } from '../../generate/model-export';
import { parseModelConfig } from '../../lm/config';
import type { OpenedModel } from '../../lm/import/open-model';
import type { LoraAdapter } from '../../lm/lora/adapter';
import { writePeftAdapter } from '../../lm/lora/write-peft';
import type { ExportedFile, ExportType } from '../../protocol/model-export';
import type { RunConfig, TrainerState } from '../records';
import { adapterOf, trainedModel } from './run-weights';

export interface ExportOptions {
  /** That the run began from. */
  model: OpenedModel;
  config: RunConfig;
  state: TrainerState;
  /** The adapter that it began from, where there was one. */
  start?: LoraAdapter | undefined;
  /** Of merged weights; default bf16, as models are released. */
  type?: ExportType;
  signal?: AbortSignal | undefined;
}

/**
 * `peft`: the adapter alone. `safetensors`: the whole model with it merged in.
 * @throws AppError UNSUPPORTED for the adapter of a run that trained the whole model, BAD_INPUT, INTEGRITY, ABORTED
 */
export async function exportCheckpoint(
  format: 'peft' | 'safetensors',
  { model, config, state, start, type = 'bf16', signal }: ExportOptions,
): Promise<ExportedFile[]> {
  if (format === 'safetensors')
    return safetensorsFiles(trainedModel(model, state, config, start), type, signal);
  const { layers } = parseModelConfig(model.config);
  return writePeftAdapter(adapterOf(state, config, start), layers).map(wholeFile);
}

const wholeFile = ({ path, bytes }: { path: string; bytes: Uint8Array<ArrayBuffer> }): ExportedFile => ({
  ...{ path, bytes: bytes.length },
  // eslint-disable-next-line @typescript-eslint/require-await -- one part, without waiting
  async *parts() {
    yield bytes;
  },
});
