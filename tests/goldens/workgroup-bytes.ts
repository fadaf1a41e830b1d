/** Bytes of the variables in workgroup memory, read from a kernel's text. */
export function workgroupBytes(code: string): number {
  const sizes: Record<string, number> = { f32: 4, u32: 4, vec2u: 8, vec4u: 16, vec4f: 16 };
  sizes['vec4<f16>'] = 8;
  sizes['atomic<u32>'] = 4;
  const found = [...code.matchAll(/var<workgroup> \w+: (?:array<(.+), (\d+)>|(\w+));/g)];
  return found.reduce(
    (sum, [, type, count, single = '']) => sum + (sizes[type ?? single] ?? NaN) * Number(count ?? 1),
    0,
  );
}
