/** What this browser offers, asked of it without a prompt and without keeping a device. */

export interface AdapterReport {
  available: boolean;
  adapter: string;
  fallback: boolean;
  f16: boolean;
  subgroups: boolean;
  maxBufferBytes: number;
  maxBindingBytes: number;
}

const NO_ADAPTER: Omit<AdapterReport, 'adapter'> = {
  available: false,
  fallback: false,
  f16: false,
  subgroups: false,
  maxBufferBytes: 0,
  maxBindingBytes: 0,
};

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `apple`, `metal-3` → `Apple metal-3`; the description, where there is one, says it best. */
function nameOf(info: GPUAdapterInfo): string {
  const parts = [capital(info.vendor), info.description || info.device || info.architecture].filter(Boolean);
  return [...new Set(parts)].join(' ').trim() || 'unnamed adapter';
}

export async function probeAdapter(): Promise<AdapterReport> {
  if (!('gpu' in navigator)) return { ...NO_ADAPTER, adapter: 'this browser has no WebGPU' };
  try {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return { ...NO_ADAPTER, adapter: 'the browser offers no adapter' };
    const name = nameOf(adapter.info);
    return {
      available: true,
      adapter: name,
      fallback: adapter.info.isFallbackAdapter || SOFTWARE.test(`${name} ${adapter.info.architecture}`),
      f16: adapter.features.has('shader-f16'),
      subgroups: adapter.features.has('subgroups'),
      maxBufferBytes: adapter.limits.maxBufferSize,
      maxBindingBytes: adapter.limits.maxStorageBufferBindingSize,
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...NO_ADAPTER, adapter: `asking for an adapter failed: ${reason}` };
  }
}

/** `Chromium 156 on Linux`: enough for a report, no fingerprint. */
export function browserName(userAgent: string): string {
  const browser = /(Firefox|Edg|OPR|Chrome|Version)\/(\d+)/.exec(
    userAgent.replace(/Chrome(?=.*(Edg|OPR)\/)/, ''),
  );
  const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', Version: 'Safari', Chrome: 'Chrome' };
  const system = /(Windows|Mac OS X|Android|iPhone|iPad|CrOS|Linux)/.exec(userAgent)?.[1] ?? '';
  const [, brand = '', version = ''] = browser ?? [];
  const name = browser ? `${names[brand] ?? brand} ${version}` : 'unknown browser';
  return system ? `${name} on ${system.replace('Mac OS X', 'macOS')}` : name;
}

/** Being there is not enough: Firefox's private windows have the method and refuse the call. */
export async function hasOpfs(): Promise<boolean> {
  try {
    await navigator.storage.getDirectory();
    return true;
  } catch {
    return false;
  }
}
