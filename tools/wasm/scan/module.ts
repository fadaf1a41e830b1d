/** The module of the exact vector scan, once for a memory of its own and once for one that threads share. */
import wabt from 'wabt';
import { scanBytes } from './bytes';
import { scanFloats, scanHalves } from './floats';
import { scanSigns } from './signs';

const functions = [scanBytes(), scanFloats(), scanHalves(), scanSigns()];

const moduleText = (shared: boolean): string =>
  `(module\n(memory (import "scan" "memory") 1 65536${shared ? ' shared' : ''})\n${functions.map(String).join('\n')}\n)`;

async function assemble(shared: boolean): Promise<string> {
  const toolkit = await wabt();
  const parsed = toolkit.parseWat('scan.wat', moduleText(shared), { simd: true, threads: true });
  try {
    // wabt.js refuses shared memories whatever its options; the text is the same but for that word.
    if (!shared) parsed.validate();
    return Buffer.from(parsed.toBinary({}).buffer).toString('base64');
  } finally {
    parsed.destroy();
  }
}

/** Both modules as the page loads them: constants among its other code, 2 KB each. */
export async function scanModules(): Promise<string> {
  return `/** Written by tools/wasm/scan; \`npm run generate\` writes it anew. WebAssembly in base64. */
// prettier-ignore
export const MODULE = '${await assemble(false)}';
// prettier-ignore
export const SHARED_MODULE = '${await assemble(true)}';
`;
}
