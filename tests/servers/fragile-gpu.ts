/** A real GPU whose devices can be lost on demand: `device.destroy()`, called from outside, is the loss that WebGPU defines. */
export interface FragileGpu {
  readonly gpu: GPU;
  /** Devices handed out so far. */
  readonly devices: GPUDevice[];
  /** Submissions to a device so far. */
  submissions(index: number): number;
  /**
   * The device that is handed out as number `index` (from 0) is lost at its `submit`-th submission (from 1); 0: a moment after it is
   * handed out.
   */
  loseAt(index: number, submit: number): void;
  /** From now on the next `times` requests find no adapter, as while a browser restarts its graphics process. */
  hideAdapter(times: number): void;
  /** The next `times` devices are lost a moment after they are handed out, in the middle of loading. */
  destroyNew(times: number): void;
}

export function fragileGpu(real: GPU): FragileGpu {
  const devices: GPUDevice[] = [];
  const losses = new Map<number, number>();
  const counts: number[] = [];
  let hidden = 0;
  let doomed = 0;

  function watch(device: GPUDevice): GPUDevice {
    const index = devices.push(device) - 1;
    const { queue } = device;
    const submit = queue.submit.bind(queue);
    queue.submit = (buffers) => {
      submit(buffers);
      const count = (counts[index] ?? 0) + 1;
      counts[index] = count;
      if (count === losses.get(index)) device.destroy();
    };
    if (doomed > 0 || losses.get(index) === 0) {
      doomed = Math.max(0, doomed - 1);
      setTimeout(() => device.destroy(), 0);
    }
    return device;
  }

  const gpu = {
    async requestAdapter(options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> {
      if (hidden > 0) {
        hidden -= 1;
        return null;
      }
      const adapter = await real.requestAdapter(options);
      if (adapter) {
        const request = adapter.requestDevice.bind(adapter);
        adapter.requestDevice = async (descriptor) => watch(await request(descriptor));
      }
      return adapter;
    },
  };
  return {
    gpu: gpu as GPU,
    devices,
    submissions: (index) => counts[index] ?? 0,
    loseAt: (index, submit) => void losses.set(index, submit),
    hideAdapter: (times) => void (hidden = times),
    destroyNew: (times) => void (doomed = times),
  };
}
