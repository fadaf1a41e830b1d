import { testConnection } from '../generate/connection-test';
import { probeEndpoint, localNetworkPermission } from '../platform/browser/endpoint-probe';
import { systemClock } from '../platform/clock';
import type { ConnectionReport, Endpoint } from './laboratory';

/** Asks the endpoint from this very page, as a run would. */
export async function testEndpoint(endpoint: Endpoint, signal: AbortSignal): Promise<ConnectionReport> {
  const { baseUrl, model, key } = endpoint;
  const { ok, message, fix, models, warnings } = await testConnection({
    baseUrl,
    ...(key !== '' && { apiKey: key }),
    ...(model !== '' && { model }),
    fetch: (input, init) => fetch(input, init),
    clock: systemClock,
    pageOrigin: location.origin,
    isSecureContext,
    probe: probeEndpoint,
    permission: localNetworkPermission,
    signal,
  });
  return { ok, message, fix: [fix, ...warnings].filter(Boolean).join('\n'), models };
}
