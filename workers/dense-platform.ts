/** What the retrieval worker searches vectors with: the graphics adapter, and threads where the page is isolated. */
import { openDevice } from '../src/gpu/webgpu/device';
import { browserUsearchModule } from '../src/platform/browser/usearch-module';
import { ScanThreads, type DenseDevice, type DensePlatform, type ScanThread } from '../src/retrieval/dense';

/** Memory bandwidth is used up by a few. */
const MOST_THREADS = 3;
const PACKED = 'packed_4x8_integer_dot_product';

function scanThread(): ScanThread {
  const worker = new Worker(new URL('./scan.worker.ts', import.meta.url), { type: 'module', name: 'scan' });
  return {
    post: (message) => worker.postMessage(message),
    listen(onAnswer, onFailure) {
      worker.onmessage = ({ data }) => onAnswer(data as Parameters<typeof onAnswer>[0]);
      worker.onerror = (event) => onFailure(new Error(event.message));
    },
    terminate: () => worker.terminate(),
  };
}

let threads: ScanThreads | null | undefined;
let device: Promise<DenseDevice | null> | undefined;

async function open(): Promise<DenseDevice | null> {
  // Typed as always there, which older browsers have not.
  const { gpu } = navigator as { gpu?: GPU };
  const opened = gpu && (await openDevice(gpu, { powerPreference: 'high-performance' }));
  if (!opened) return null;
  void opened.device.lost.then(() => (device = undefined));
  const { name, software } = opened.description;
  return { device: opened.device, name, software, packed: gpu.wgslLanguageFeatures.has(PACKED) };
}

export const browserDensePlatform: DensePlatform = {
  openDevice: () => (device ??= open()),
  openUsearch: browserUsearchModule,
  openThreads() {
    const helpers = Math.min(MOST_THREADS, navigator.hardwareConcurrency - 1);
    threads ??=
      crossOriginIsolated && helpers > 0
        ? new ScanThreads(Array.from({ length: helpers }, scanThread))
        : null;
    return threads;
  },
};
