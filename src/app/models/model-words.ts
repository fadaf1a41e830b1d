/** What the cards say, put together from numbers. Pure. */
import type { ErrorEnvelope } from '../../protocol/errors';
import type { LocalModelInfo } from '../../protocol/lm-worker';
import type { WeightType } from '../../protocol/model-import';
import type { ListedModel } from '../../protocol/model-library';
import type { DeviceNotice, FetchJob, LoadState } from '../../state/library.svelte';
import type { Measured } from '../../state/meter';
import type { MemoryPlan } from '../../lm/budget';
import { formatBytes, formatCount, formatDuration } from '../format';
import { library as words } from '../strings/library';

export const deviceWords = ({ device, deviceName }: LocalModelInfo): string =>
  device === 'webgpu' ? `WebGPU, ${deviceName}` : deviceName;

export const percent = (fraction: number): string => `${Math.floor(fraction * 100)} %`;

/** Bytes, rate and time left. */
export function measuredWords({ done, total, rate, secondsLeft, fraction }: Measured): string {
  const parts = [words.of(formatBytes(done), formatBytes(total))];
  if (rate > 0) parts.push(words.rate(formatBytes(Math.round(rate))));
  if (secondsLeft !== null && fraction < 1) parts.push(words.left(formatDuration(secondsLeft)));
  return parts.join(' · ');
}

export function jobWords(job: FetchJob): string {
  if (job.status === 'pausing') return words.states.pausing;
  const { measured, phase, resumed, request } = job;
  const doing = phase === 'transfer' ? words.phases.transfer[request.from.kind] : words.phases[phase];
  if (!measured || phase === 'plan') return doing;
  const parts = [doing, measuredWords(measured)];
  if (resumed > 0) parts.push(words.resumed(formatBytes(resumed)));
  return parts.join(' · ');
}

export function stateWords(model: ListedModel, load: LoadState | undefined): string {
  if (model.state === 'paused') {
    if (model.busy) return words.states.elsewhere;
    const { progress } = model;
    if (!progress || progress.total === 0) return words.states.pausedAtStart;
    return words.states.paused(percent(progress.done / progress.total));
  }
  if (load?.phase === 'compile') return words.states.compile;
  if (load?.info) return words.states.ready(deviceWords(load.info), formatBytes(load.info.liveBytes));
  return load?.phase === 'failed' ? words.states.failed : words.states.stored;
}

export function memoryWords({ total, weights, cache, scratch, adapters }: MemoryPlan): string {
  const rest = scratch > 0 ? words.memoryOther(formatBytes(scratch)) : '';
  const beside = adapters > 0 ? words.memoryAdapters(formatBytes(adapters)) : '';
  return words.memory(formatBytes(total), formatBytes(weights), formatBytes(cache)) + beside + rest;
}

const WEIGHTS: readonly WeightType[] = ['f32', 'f16', 'q8', 'q4'];

export interface SmallerLoad {
  maxContext: number;
  slots: number;
  weights?: WeightType;
  label: string;
}

/** The smaller setting that an error names; null where it names none that a stored model can be loaded with. */
export function smallerLoad(error: ErrorEnvelope): SmallerLoad | null {
  const { smallerContext, smallerSlots, smallerWeights } = error.context ?? {};
  if (typeof smallerContext !== 'number' || typeof smallerSlots !== 'number') return null;
  const weights = WEIGHTS.find((type) => type === smallerWeights);
  const what = [
    ...(weights ? [words.smallerWeights(weights)] : []),
    words.smallerContext(formatCount(smallerContext)),
    words.smallerSlots(smallerSlots),
  ];
  return {
    ...{ maxContext: smallerContext, slots: smallerSlots, label: words.smaller(what.join(', ')) },
    ...(weights && { weights }),
  };
}

export function noticeWords({ name, event }: DeviceNotice): string {
  switch (event.type) {
    case 'device lost':
      return words.device.lost(name);
    case 'rebuilding':
      return words.device.rebuilding(name, event.attempt, event.of, String(event.waitMs / 1000));
    case 'rebuilt':
      return words.device.rebuilt(name, deviceWords(event.info));
    case 'gave up':
      return words.device.gaveUp(name);
    default:
      return event satisfies never;
  }
}

/** A dropped adapter has this file and no model beside it. */
export const isAdapter = (paths: readonly string[]): boolean =>
  paths.some((path) => path.endsWith('adapter_config.json')) &&
  !paths.some((path) => /(^|\/)(config\.json|pack\.json)$|\.gguf$/.test(path));

/** The folder that was dropped, or the file. */
export function dropName(paths: readonly string[]): string {
  const [first = ''] = paths;
  const gguf = paths.find((path) => path.endsWith('.gguf'));
  const top = first.includes('/') ? (first.split('/')[0] ?? '') : (gguf ?? '');
  return top.slice(0, 120) || 'model';
}

const REPOSITORY = /^(?:hf:|https:\/\/huggingface\.co\/)?([\w-][\w.-]{0,95}\/[\w-][\w.-]{0,95})(?:@([\w-][\w./-]{0,255}))?\/?$/;

/** What was typed as a repository; null where it is none. */
export function parseRepository(typed: string): { repository: string; revision: string } | null {
  const match = REPOSITORY.exec(typed.trim());
  const [, repository, revision = 'main'] = match ?? [];
  if (repository === undefined || `${repository}${revision}`.includes('..')) return null;
  return { repository, revision };
}
