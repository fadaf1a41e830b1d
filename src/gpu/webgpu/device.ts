import { AppError } from '../../protocol/errors';
import type { BackendDescription } from '../backend';

export interface OpenedDevice {
  device: GPUDevice;
  description: BackendDescription;
}

export interface DeviceOptions {
  powerPreference?: GPUPowerPreference;
  /** Takes a software adapter even where hardware is there. */
  forceFallbackAdapter?: boolean;
}

/** Features that kernels may use when present; none is needed. */
const OPTIONAL_FEATURES = ['shader-f16', 'subgroups'] as const;

/** Limits of which more than the default is useful. Everything works within the defaults. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxStorageBuffersPerShaderStage',
] as const;

/**
 * Opens a device on the adapter that the browser (or Dawn) prefers; `null` where there is none.
 * @throws AppError UNSUPPORTED if there is an adapter that refuses a device.
 */
export async function openDevice(gpu: GPU, options: DeviceOptions = {}): Promise<OpenedDevice | null> {
  const adapter = await gpu.requestAdapter(options);
  if (!adapter) return null;
  const requiredFeatures = OPTIONAL_FEATURES.filter((feature) => adapter.features.has(feature));
  const requiredLimits: Record<string, number> = {};
  for (const limit of LIMITS) requiredLimits[limit] = adapter.limits[limit];
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  } catch (cause) {
    throw new AppError('UNSUPPORTED', 'The graphics adapter gave no WebGPU device.', {
      fix: 'Close other tabs that use the graphics card, or restart the browser.',
      cause,
    });
  }
  return { device, description: describeAdapter(adapter.info, device.features) };
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|warp|basic render/i;

function describeAdapter(info: GPUAdapterInfo, features: GPUSupportedFeatures): BackendDescription {
  const { vendor, architecture, description } = info;
  const subgroups = features.has('subgroups');
  const words = [vendor, architecture].filter(Boolean).join(' ');
  return {
    kind: 'webgpu',
    name: description || words || 'WebGPU',
    vendor,
    architecture,
    software: info.isFallbackAdapter || SOFTWARE.test(`${words} ${description}`),
    f16: features.has('shader-f16'),
    subgroups,
    ...(subgroups && { smallestSubgroup: info.subgroupMinSize ?? 0 }),
  };
}
