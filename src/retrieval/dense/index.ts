/** Dense search: vectors as stored, exact search over them on several backends. */
export { byteRows, denseRows, signRows } from './build-rows';
export { ByteRows, ByteRowWriter, emptyByteRows, meanOf } from './byte-rows';
export { PlainIndex, type DenseIndex, type DenseRows } from './dense-index';
export { FloatRows, floatRows } from './float-rows';
export type { RowType } from './shape';
export { emptySignRows, SignRows, SignRowWriter } from './sign-rows';
export { decodeVectors, encodeVectors } from './vectors-file';
export { WasmIndex } from './wasm/wasm-index';
export { WebGpuIndex, type WebGpuIndexOptions } from './webgpu/webgpu-index';
