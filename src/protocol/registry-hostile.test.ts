import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import * as v from 'valibot';
import { expect, it } from 'vitest';
import { RegistrySchema } from './registry';

const sound = JSON.parse(await readFile('models/registry.json', 'utf8')) as object;

/** The value with one of its parts, at any depth, replaced. */
function replaced(value: unknown, steps: readonly number[], by: unknown): unknown {
  const [step, ...rest] = steps;
  if (step === undefined || typeof value !== 'object' || value === null) return by;
  const keys = Object.keys(value);
  if (keys.length === 0) return by;
  const key = keys[step % keys.length] ?? '';
  const copy: object = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
  Reflect.set(copy, key, replaced(Reflect.get(value, key), rest, by));
  return copy;
}

const hostile = fc.oneof(
  fc.anything(),
  fc.constantFrom('../up', '/etc/passwd', 'a/../../b', 'C:\\x', '', 'a'.repeat(10_000), -1, 1.5, 2 ** 60),
);

it('takes no registry whose parts were exchanged unless every path in it stays in its folder', () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 6 }), hostile, (steps, by) => {
      const result = v.safeParse(RegistrySchema, replaced(sound, steps, by));
      if (!result.success) {
        refused++;
        return;
      }
      for (const model of result.output.models) {
        expect(model.id).toMatch(/^[\w-][\w.-]*$/);
        for (const { path, bytes } of model.files) {
          expect(path.startsWith('/') || path.includes('..') || path.includes('\\')).toBe(false);
          expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true);
        }
      }
    }),
    { numRuns: 10_000 },
  );
  expect(refused).toBeGreaterThan(1_000);
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
});
