import { FIXTURE_NAIVE, FIXTURE_S3 } from '../../src/state/fixture-trace';
import { exportTrace } from '../../src/state/trace-files';
import { DEFAULT_SETTINGS } from '../../src/state/settings';
import type { TraceEvent } from '../../src/protocol/trace';

export interface TraceUpload {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

export function upload(events: readonly TraceEvent[], system: 's3' | 'naive-rag' = 's3'): TraceUpload {
  const { name, content } = exportTrace({
    system,
    events,
    settings: { ...DEFAULT_SETTINGS },
    startedAt: '2026-11-21T10:00:00.000Z',
  });
  return { name, mimeType: 'application/json', buffer: Buffer.from(content) };
}

export const s3Upload = (): TraceUpload => upload(FIXTURE_S3);
export const naiveUpload = (): TraceUpload => upload(FIXTURE_NAIVE, 'naive-rag');
