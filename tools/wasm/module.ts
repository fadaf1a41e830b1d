/** The CPU backend's WebAssembly module: its functions in text, assembled. */
import wabt from 'wabt';
import { exponentialFunctions } from './exponential';
import { normFunctions } from './norms';
import { productFunctions } from './products';
import { endsOfRows } from './sweep';
import { widenFunctions } from './widen';

export function moduleText(): string {
  const parts = [endsOfRows(), productFunctions(), widenFunctions(), exponentialFunctions(), normFunctions()];
  const functions = parts.flat();
  return `(module\n(memory (import "cpu" "memory") 1)\n${functions.map(String).join('\n')}\n)`;
}

export async function assemble(): Promise<Uint8Array> {
  const toolkit = await wabt();
  const parsed = toolkit.parseWat('kernels.wat', moduleText(), {
    simd: true,
    multi_value: true,
    bulk_memory: true,
  });
  try {
    parsed.validate();
    return parsed.toBinary({}).buffer;
  } finally {
    parsed.destroy();
  }
}

/** The module as the page loads it: a constant among its other code, 8 KB or so. */
export async function kernelsModule(): Promise<string> {
  const text = Buffer.from(await assemble()).toString('base64');
  return `/** Written by tools/wasm; \`npm run generate\` writes it anew. WebAssembly in base64. */
// prettier-ignore
export const MODULE = '${text}';
`;
}
