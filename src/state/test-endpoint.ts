import type { ConnectionReport, Endpoint } from './laboratory';

/** Placeholder until the connection test of the generators is there. */
export function testEndpoint(_endpoint: Endpoint, _signal: AbortSignal): Promise<ConnectionReport> {
  return Promise.resolve({ ok: false, message: '', fix: '', models: [] });
}
