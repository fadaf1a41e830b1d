import { describe, expect, it } from 'vitest';
import { loadTiny } from '../../tests/goldens/batch-suite';
import { CpuBackend } from '../gpu/cpu/backend';
import type { Operation, Tensor } from '../gpu/backend';
import { AppError } from '../protocol/errors';

/** A device with a defect: after the operations named, numbers of the tensor named are changed. */
class WrongBackend extends CpuBackend {
  constructor(
    private readonly after: string,
    private readonly label: string,
    private readonly spoil: (values: Float32Array) => void,
  ) {
    super();
  }

  readonly #tensors = new Map<string, Tensor>();

  override tensor(...of: Parameters<CpuBackend['tensor']>): Tensor {
    const tensor = super.tensor(...of);
    this.#tensors.set(tensor.label, tensor);
    return tensor;
  }

  override async run(...[operations, reads]: Parameters<CpuBackend['run']>): Promise<Float32Array[]> {
    let rest: readonly Operation[] = operations;
    for (;;) {
      const at = rest.findIndex(({ name }) => name === this.after);
      if (at < 0) return super.run(rest, reads);
      const tensor = this.#tensors.get(this.label);
      if (!tensor) throw new Error(`no tensor ${this.label}`);
      const count = tensor.shape.reduce((product, size) => product * size, 1);
      const [values = new Float32Array(0)] = await super.run(rest.slice(0, at + 1), [{ tensor, count }]);
      this.spoil(values);
      this.write(tensor, values);
      rest = rest.slice(at + 1);
    }
  }
}

const load = (backend: CpuBackend, verify = true) => loadTiny(backend, { verify });

describe('the check of a device', () => {
  it.each([
    ['the embedding', 'embed', 'residual', (v: Float32Array) => v.reverse()],
    ['the first layer', 'attention', 'attended', (v: Float32Array) => v.fill(0)],
    ['the first layer', 'gatedLinear', 'gated', (v: Float32Array) => v.forEach((x, i) => (v[i] = x * 1.5))],
    ['numbers that are none', 'linear', 'logits', (v: Float32Array) => v.fill(NaN)],
    ['equally likely', 'linear', 'logits', (v: Float32Array) => v.fill(3)],
  ])('finds what is wrong: %s after %s', async (message, after, label, spoil) => {
    const backend = new WrongBackend(after, label, spoil);
    const loading = load(backend);
    await expect(loading).rejects.toThrow(message);
    const error: unknown = await loading.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'UNSUPPORTED', fix: expect.stringMatching(/CPU/) as string });
    expect(backend.liveBytes).toBe(0);
  });

  it('can be left out', async () => {
    const backend = new WrongBackend('attention', 'attended', (v) => v.fill(0));
    (await load(backend, false)).dispose();
  });

  it('passes what is right, and leaves no trace', async () => {
    const backend = new CpuBackend();
    const checked = await load(backend);
    const plain = await load(backend, false);
    const request = { tokens: [1, 2, 3], maxNewTokens: 5, sampling: { temperature: 1, seed: 3 } };
    expect(checked.cachedTokens).toBe(0);
    expect((await checked.generateTokens(request)).tokens).toEqual(
      (await plain.generateTokens(request)).tokens,
    );
    for (const model of [checked, plain]) model.dispose();
    expect(backend.liveBytes).toBe(0);
  });

  it('knows the quantised layer from the exact one by its weights, not by their rounding', async () => {
    for (const weights of ['q8', 'q4', 'f16'] as const) {
      const backend = new CpuBackend();
      (await loadTiny(backend, { verify: true, weights })).dispose();
    }
  });
});
