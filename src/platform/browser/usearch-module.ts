let compiled: Promise<WebAssembly.Module> | undefined;

/** usearch in WebAssembly, which `HnswIndex` runs: 160 KB, loaded with the first such index. */
export function browserUsearchModule(): Promise<WebAssembly.Module> {
  const loading = (compiled ??= load());
  loading.catch(() => (compiled = undefined));
  return loading;
}

async function load(): Promise<WebAssembly.Module> {
  const response = await fetch(new URL('../../retrieval/usearch/usearch.wasm', import.meta.url));
  return WebAssembly.compile(await response.arrayBuffer());
}
