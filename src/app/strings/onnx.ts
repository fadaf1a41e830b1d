/** Words of the Models page about models that transformers.js runs. */
export const onnx = {
  heading: 'ONNX models by transformers.js',
  note: 'Any text-generation model of the hub that has an ONNX form can answer or search, too: on WebGPU where there is graphics hardware, else on WebAssembly. It is downloaded when it is first used and kept in the browser’s cache.',
  repository: 'ONNX repository',
  hint: 'onnx-community/Qwen2.5-0.5B-Instruct',
  bad: 'This is no owner/name.',
  look: 'Look it up',
  looking: 'asking the hub',
  found: (dtype: string, bytes: string) => `Weights ${dtype}, ${bytes} to download.`,
  add: 'Add to the list',
  added: (name: string) => `${name} can be chosen as searcher or generator now.`,
  remove: (name: string) => `Remove ${name}`,
  listed: (dtype: string, bytes: string) => `${dtype} · ${bytes}`,
  whenUsed: (bytes: string, host: string) => `${bytes}, downloaded from ${host} when first used`,
} as const;
