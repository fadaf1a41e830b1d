/** Rows in buffers of the device, as many as its bindings need. */
import { shardRows } from '../../../gpu/webgpu/tensor';
import type { DenseRows } from '../dense-index';
import { TILE } from './kernels';

export interface RowShard {
  firstRow: number;
  rows: number;
  data: GPUBuffer;
  /** Of int8. */
  scales?: GPUBuffer;
  products?: GPUBuffer;
  /** The shard's first row and how many it has. */
  place: GPUBuffer;
}

/** STORAGE | COPY_DST and UNIFORM | COPY_DST, which are no globals in Node. */
export const STORAGE = 0x80 | 0x08;
export const UNIFORM = 0x40 | 0x08;

/** Copies made at a time while rows are interleaved. */
const STAGING_BYTES = 4 << 20;

/** The most bytes of a buffer that can be bound. */
export const bindingLimit = ({ limits }: GPUDevice): number =>
  Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);

/** @throws AppError UNSUPPORTED where not even a tile fits */
export function uploadRows(device: GPUDevice, rows: DenseRows, limit = bindingLimit(device)): RowShard[] {
  const data = 'codes' in rows ? rows.codes : rows.data;
  const rowBytes = rows.stride * data.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const tiles = Math.ceil(rows.count / TILE);
  return shardRows('vectors', tiles, rowBytes * TILE, limit).map((stretch) => {
    const firstRow = stretch.firstRow * TILE;
    const count = Math.min(rows.count, (stretch.firstRow + stretch.rows) * TILE) - firstRow;
    const buffer = (label: string, size: number, usage = STORAGE): GPUBuffer =>
      device.createBuffer({ label, size, usage });
    const shard: RowShard = {
      ...{ firstRow, rows: count },
      data: buffer('vectors', stretch.rows * TILE * rowBytes),
      place: buffer('shard', 16, UNIFORM),
    };
    device.queue.writeBuffer(shard.place, 0, new Uint32Array([firstRow, count, 0, 0]));
    uploadTiles(device, bytes, rowBytes, shard);
    if (rows.dtype === 'int8') {
      for (const name of ['scales', 'products'] as const) {
        const part = rows[name].slice(firstRow, firstRow + count);
        const at = (shard[name] = buffer(name, part.byteLength));
        device.queue.writeBuffer(at, 0, part);
      }
    }
    return shard;
  });
}

function uploadTiles(device: GPUDevice, bytes: Uint8Array, rowBytes: number, shard: RowShard): void {
  const tileBytes = TILE * rowBytes;
  const atOnce = Math.max(1, Math.floor(STAGING_BYTES / tileBytes));
  const tiles = Math.ceil(shard.rows / TILE);
  const words = new Uint32Array((atOnce * tileBytes) / 4);
  for (let first = 0; first < tiles; first += atOnce) {
    const count = Math.min(atOnce, tiles - first);
    words.fill(0);
    for (let tile = 0; tile < count; tile += 1) {
      interleave(
        bytes,
        rowBytes,
        shard.firstRow + (first + tile) * TILE,
        shard.firstRow + shard.rows,
        words,
        tile,
      );
    }
    device.queue.writeBuffer(shard.data, first * tileBytes, words, 0, (count * tileBytes) / 4);
  }
}

/** 16 bytes of each of a tile's rows in turn. */
function interleave(
  bytes: Uint8Array,
  rowBytes: number,
  firstRow: number,
  endRow: number,
  into: Uint32Array,
  tile: number,
): void {
  const chunks = rowBytes / 16;
  const end = Math.min(endRow, firstRow + TILE);
  const from = new Uint32Array(
    bytes.buffer,
    bytes.byteOffset + firstRow * rowBytes,
    ((end - firstRow) * rowBytes) / 4,
  );
  for (let row = 0; row < end - firstRow; row += 1) {
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      const source = (row * chunks + chunk) * 4;
      const target = ((tile * chunks + chunk) * TILE + row) * 4;
      for (let word = 0; word < 4; word += 1) into[target + word] = from[source + word] ?? 0;
    }
  }
}
