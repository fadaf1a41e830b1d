/** Buffers of a search, kept for the next one and made anew only where they are too small. */
import { STORAGE, UNIFORM } from './shards';

/** COPY_SRC, and MAP_READ | COPY_DST. */
const SOURCE = 0x04;
const READ_BACK = 0x01 | 0x08;

const USAGE = {
  sizes: UNIFORM,
  settings: STORAGE,
  queries: STORAGE,
  keys: STORAGE,
  maxima: STORAGE,
  thresholds: STORAGE,
  results: STORAGE | SOURCE,
  readBack: READ_BACK,
} as const;
export type ScratchName = keyof typeof USAGE;

export class Scratch {
  readonly #device: GPUDevice;
  readonly #buffers = new Map<ScratchName, GPUBuffer>();
  /** Grows whenever a buffer is replaced: groups that bind them are out of date then. */
  version = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get(name: ScratchName, bytes: number): GPUBuffer {
    const known = this.#buffers.get(name);
    if (known && known.size >= bytes) return known;
    known?.destroy();
    const buffer = this.#device.createBuffer({
      label: name,
      size: Math.max(32, Math.ceil(bytes / 16) * 16),
      usage: USAGE[name],
    });
    this.#buffers.set(name, buffer);
    this.version += 1;
    return buffer;
  }

  dispose(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
  }
}
