/** Dense search: vectors as stored, exact search over them on several backends. */
export { byteRows, denseRows, signRows } from './build-rows';
export { ByteRows, ByteRowWriter, emptyByteRows, meanOf } from './byte-rows';
export { PlainIndex, type DenseIndex, type DenseRows } from './dense-index';
export { DenseRetriever } from './dense-retriever';
export { FloatRows, floatRows } from './float-rows';
export {
  ChosenIndex,
  openDenseIndex,
  type DenseDevice,
  type DensePlatform,
  type GraphIndex,
} from './open-dense-index';
export type { RowType } from './shape';
export { emptySignRows, SignRows, SignRowWriter } from './sign-rows';
export { decodeVectors, encodeVectors } from './vectors-file';
export { scanServer, ScanThreads, type ScanThread } from './wasm/threads';
export { WasmIndex } from './wasm/wasm-index';
export { WebGpuIndex, type WebGpuIndexOptions } from './webgpu/webgpu-index';
export { RangedRows, type RangeReader } from './ranged-rows';
export { RescoredIndex } from './rescored-index';
export { decodeSigns, encodeSigns, type ResidentSigns } from './signs-file';
export { loadSigns, loadVectors, type LoadedRows, type LoadOptions } from './load-rows';
