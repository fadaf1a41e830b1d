import type { CapabilityReport } from '../../state/laboratory';
import type { LoadState } from '../../state/library.svelte';
import { formatBytes, formatCount } from '../format';
import { frame } from '../strings/frame';

export type Grade = 'good' | 'degraded' | 'missing';

export interface CapabilityRow {
  name: string;
  grade: Grade;
  value: string;
  note?: string;
}

const words = frame.report;

/** The rows of the report: what it is, how good it is, and what follows from it. */
export function capabilityRows(report: CapabilityReport): CapabilityRow[] {
  const { webgpu, storage } = report;
  const has = (name: string, there: boolean, note = '', otherwise: Grade = 'degraded'): CapabilityRow => ({
    name,
    grade: there ? 'good' : otherwise,
    value: there ? words.ok : words.missing,
    ...(!there && note && { note }),
  });
  const adapter: CapabilityRow = {
    name: words.rows.adapter,
    grade: webgpu.available && !webgpu.fallback ? 'good' : 'degraded',
    value: webgpu.adapter,
    ...(!webgpu.available
      ? { note: words.notes.noAdapter }
      : webgpu.fallback && { note: words.notes.software }),
  };
  const gpu: CapabilityRow[] = webgpu.available
    ? [
        has(words.rows.f16, webgpu.f16, words.notes.noF16),
        has(words.rows.subgroups, webgpu.subgroups),
        { name: words.rows.buffer, grade: 'good', value: formatBytes(webgpu.maxBufferBytes) },
        { name: words.rows.binding, grade: 'good', value: formatBytes(webgpu.maxBindingBytes) },
      ]
    : [];
  return [
    adapter,
    ...gpu,
    has(words.rows.isolated, report.crossOriginIsolated, words.notes.noIsolation),
    { name: words.rows.threads, grade: 'good', value: formatCount(report.threads) },
    has(words.rows.opfs, report.opfs, '', 'missing'),
    has(words.rows.locks, report.locks),
    has(words.rows.wakeLock, report.wakeLock),
    {
      name: words.rows.storage,
      grade: storage?.persisted ? 'good' : 'degraded',
      value: storage
        ? words.used(formatBytes(storage.usedBytes), formatBytes(storage.quotaBytes))
        : words.missing,
      note: storage?.persisted ? words.kept : words.notKept,
    },
    { name: words.rows.browser, grade: 'good', value: report.browser },
  ];
}

/** The models that are in memory: which, in what type, where, and how much of it they take. */
export const modelRows = (loads: Readonly<Record<string, LoadState>>): CapabilityRow[] =>
  Object.values(loads).flatMap(({ info }): CapabilityRow[] => {
    if (!info) return [];
    const { title, device, deviceName, weights, liveBytes, reason } = info;
    const where = device === 'webgpu' ? `WebGPU, ${deviceName}` : deviceName;
    return [
      {
        ...{ name: title, value: words.model(where, weights, formatBytes(liveBytes)) },
        grade: device === 'webgpu' ? 'good' : 'degraded',
        ...(reason !== undefined && { note: reason }),
      },
    ];
  });

/** One line for the frame. */
export function capabilityLine(report: CapabilityReport): { grade: Grade; words: string[] } {
  const { webgpu } = report;
  const { capability } = frame;
  if (!webgpu.available) return { grade: 'degraded', words: [capability.none] };
  if (webgpu.fallback) return { grade: 'degraded', words: [capability.software] };
  return {
    grade: 'good',
    words: ['WebGPU', webgpu.adapter, webgpu.f16 ? capability.f16 : capability.noF16],
  };
}

export const reportText = (rows: readonly CapabilityRow[]): string =>
  rows.map((row) => `${row.name}: ${row.value}${row.note ? ` (${row.note})` : ''}`).join('\n');
