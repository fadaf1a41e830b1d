/**
 * Threefry-2x32-20 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a function from key and
 * counter to random bits. Additions, rotations and exclusive ors of u32 only, so a shader gives the same bits as this.
 */

/** Rotations of eight rounds, then again from the first. */
const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];
const ROUNDS = 20;
const PARITY = 0x1bd11bda;

/** The first word of the 64 bits that belong to a counter. */
export function threefry(key0: number, key1: number, counter0: number, counter1: number): number {
  const key2 = PARITY ^ key0 ^ key1;
  let a = (counter0 + key0) | 0;
  let b = (counter1 + key1) | 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const turn = ROTATIONS[round & 7]!;
    a = (a + b) | 0;
    b = ((b << turn) | (b >>> (32 - turn))) ^ a;
    if ((round & 3) !== 3) continue;
    const group = (round >> 2) + 1;
    const place = group % 3;
    a = (a + (place === 0 ? key0 : place === 1 ? key1 : key2)) | 0;
    b = (b + (place === 2 ? key0 : place === 0 ? key1 : key2) + group) | 0;
  }
  return a >>> 0;
}

/** The same as a WGSL function `threefry(key: vec2u, counter: vec2u) -> u32`, unrolled. */
export function threefryWgsl(): string {
  const lines = [
    'let k2 = 0x1bd11bdau ^ key.x ^ key.y;',
    'var a = counter.x + key.x; var b = counter.y + key.y;',
  ];
  const keys = ['key.x', 'key.y', 'k2'];
  for (let round = 0; round < ROUNDS; round += 1) {
    const turn = ROTATIONS[round & 7]!;
    lines.push(`a += b; b = ((b << ${turn}u) | (b >> ${32 - turn}u)) ^ a;`);
    if ((round & 3) !== 3) continue;
    const group = (round >> 2) + 1;
    lines.push(`a += ${keys[group % 3]!}; b += ${keys[(group + 1) % 3]!} + ${group}u;`);
  }
  return `fn threefry(key: vec2u, counter: vec2u) -> u32 {\n  ${lines.join('\n  ')}\n  return a;\n}`;
}
