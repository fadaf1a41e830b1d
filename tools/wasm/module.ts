/** The CPU backend's WebAssembly module: its functions in text, assembled. */
import wabt from 'wabt';
import { dotProduct, outerProduct, tailOf } from './products';

export function moduleText(): string {
  const functions = [tailOf(), dotProduct(), outerProduct()];
  return `(module\n(memory (import "cpu" "memory") 1)\n${functions.map(String).join('\n')}\n)`;
}

export async function assemble(): Promise<Uint8Array> {
  const toolkit = await wabt();
  const parsed = toolkit.parseWat('kernels.wat', moduleText(), { simd: true });
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
