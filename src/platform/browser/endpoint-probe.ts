import type { LocalNetworkPermission, ProbeResult } from '../../protocol/connection';

/** The forbidden addresses that `run` touches, as the security policy reports them. */
async function withPolicyReports<T>(run: () => Promise<T>): Promise<{ result: T; forbidden: string[] }> {
  const forbidden: string[] = [];
  const note = (event: SecurityPolicyViolationEvent): void => void forbidden.push(event.blockedURI);
  document.addEventListener('securitypolicyviolation', note);
  try {
    const result = await run();
    // The event comes as a task of its own, after the failure.
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { result, forbidden };
  } finally {
    document.removeEventListener('securitypolicyviolation', note);
  }
}

/** Answers that this isolated page was not given because the server does not say that it may (`Cross-Origin-Resource-Policy`). */
function watchIsolation(): { blocked: (url: string) => boolean; stop: () => void } | undefined {
  if (!('ReportingObserver' in globalThis)) return undefined;
  const urls: string[] = [];
  const read = (reports: Report[]): void => {
    for (const { body } of reports) {
      if (!body) continue;
      // Chromium's body of this kind shows its fields in this form only.
      const { toJSON } = body as { toJSON?: () => unknown };
      const fields = toJSON ? toJSON.call(body) : body;
      if (typeof fields !== 'object' || fields === null || !('blockedURL' in fields)) continue;
      urls.push(String(fields.blockedURL));
    }
  };
  const observer = new ReportingObserver(read, { types: ['coep'] });
  observer.observe();
  return {
    blocked: (url) => {
      read(observer.takeRecords());
      return urls.includes(url);
    },
    stop: () => observer.disconnect(),
  };
}

/**
 * Whether anything answers at an address, without reading what. In a page isolated by COEP the browser withholds such answers as
 * well; Chromium then reports that it did, and the report says as much as the answer. Firefox and Safari do not: `hidden`.
 */
export async function probeEndpoint(url: string, signal: AbortSignal): Promise<ProbeResult> {
  const isolation = crossOriginIsolated ? watchIsolation() : undefined;
  try {
    const { result: answered, forbidden } = await withPolicyReports(() =>
      fetch(url, { mode: 'no-cors', credentials: 'omit', cache: 'no-store', signal }).then(
        () => true,
        () => false,
      ),
    );
    if (answered || isolation?.blocked(url)) return 'answers';
    const { origin } = new URL(url);
    if (forbidden.some((address) => address.startsWith(origin))) return 'policy';
    return crossOriginIsolated && !isolation ? 'hidden' : 'silent';
  } finally {
    isolation?.stop();
  }
}

/** Chromium's permission for local addresses, under its present names and its first one; undefined in other browsers. */
export async function localNetworkPermission(
  target: 'loopback' | 'local',
): Promise<LocalNetworkPermission | undefined> {
  const names = [target === 'loopback' ? 'loopback-network' : 'local-network', 'local-network-access'];
  for (const name of names) {
    try {
      // Newer than the type of permission names.
      const status = await navigator.permissions.query({ name: name as PermissionName });
      return status.state;
    } catch {
      // this browser does not know the name
    }
  }
  return undefined;
}
