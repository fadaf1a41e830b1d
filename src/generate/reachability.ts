/**
 * Why a page gets nothing from an endpoint. Browsers hide it: a refused connection, a missing CORS header, a permission that was
 * not given and a content security policy all throw the same `TypeError`. They are told apart by what is known beforehand
 * (addresses, permission) and by a second request of mode `no-cors`, whose answer the page cannot read but can notice:
 * something answers → CORS; nothing answers → nobody is listening.
 */
import type { Fetch } from '../protocol/clock';
import type { LocalNetworkPermission, ProbeResult } from '../protocol/connection';
import { throwIfAborted } from '../protocol/errors';
import { commandsToAllow, commandsToStart, listCommands, type ServerCommand } from './server-commands';

/** The part of the connection test's options that matters here. */
export interface ReachabilityOptions {
  fetch: Fetch;
  pageOrigin?: string;
  isSecureContext?: boolean;
  probe?: (url: string, signal: AbortSignal) => Promise<ProbeResult>;
  permission?: (target: 'loopback' | 'local') => Promise<LocalNetworkPermission | undefined>;
  signal?: AbortSignal;
}

export interface ReachabilityFinding {
  verdict:
    | 'page-policy'
    | 'mixed-content'
    | 'permission'
    | 'refused'
    /** Either of the two: this browser gives no way to tell. */
    | 'refused-or-cors'
    | 'cors';
  message: string;
  fix: string;
  commands?: ServerCommand[];
}

/** Where an address leads, as browsers see it. Names that only a resolver knows count as public. */
export function addressSpace(hostname: string): 'loopback' | 'local' | 'public' {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127\./.test(host))
    return 'loopback';
  const isPrivate =
    /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|f[cd][0-9a-f]{2}:|fe80:)/.test(host) ||
    host.endsWith('.local');
  return isPrivate ? 'local' : 'public';
}

/** Without a look at the answer: is there anybody? */
const plainProbe =
  (fetch: Fetch) =>
  async (url: string, signal: AbortSignal): Promise<ProbeResult> => {
    try {
      await fetch(url, { mode: 'no-cors', credentials: 'omit', cache: 'no-store', signal });
      return 'answers';
    } catch {
      return 'silent';
    }
  };

/** Why a request to this endpoint threw before there was an answer. @throws AppError ABORTED */
export async function whyUnreadable(
  baseUrl: string,
  options: ReachabilityOptions,
): Promise<ReachabilityFinding> {
  const { pageOrigin, isSecureContext = true, permission, fetch, signal } = options;
  const target = new URL(baseUrl);
  const space = addressSpace(target.hostname);
  if (pageOrigin === undefined) return refusedFinding(baseUrl, undefined);
  const page = new URL(pageOrigin);
  if (page.protocol === 'https:' && target.protocol === 'http:' && space === 'public') {
    return {
      verdict: 'mixed-content',
      message: `This page came over https, so the browser does not let it call ${target.protocol}//${target.host}.`,
      fix: 'Use the https address of the endpoint.',
    };
  }
  const probe = options.probe ?? plainProbe(fetch);
  const found = await probe(`${target.origin}/`, signal ?? new AbortController().signal);
  throwIfAborted(signal);
  if (found === 'policy') return forbiddenByPage(target);
  if (found === 'answers') return corsFinding(baseUrl, pageOrigin);
  if (space !== 'public' && addressSpace(page.hostname) !== 'loopback') {
    const state = await permission?.(space);
    if (!isSecureContext || state === 'denied' || state === 'prompt') {
      return noPermission(baseUrl, pageOrigin, state, isSecureContext);
    }
  }
  if (found === 'hidden') {
    const commands = commandsToAllow(baseUrl, pageOrigin);
    return {
      verdict: 'refused-or-cors',
      message: `Nothing that this page may read comes from ${target.origin}: either no server listens there, or it does not let this page in.`,
      fix: `Start the server so that it lets this page in.\n${listCommands(commands)}`,
      commands,
    };
  }
  return refusedFinding(baseUrl, pageOrigin);
}

function refusedFinding(baseUrl: string, pageOrigin: string | undefined): ReachabilityFinding {
  const { origin, hostname, protocol } = new URL(baseUrl);
  const message = `Nothing answers at ${origin}.`;
  if (addressSpace(hostname) === 'public') {
    return { verdict: 'refused', message, fix: 'Check the address and the network connection.' };
  }
  const commands = commandsToStart(baseUrl, pageOrigin);
  // Safari counts http://localhost as insecure and blocks it without a word.
  const safari =
    pageOrigin?.startsWith('https:') && protocol === 'http:'
      ? '\nSafari never lets a page from https call an http server: use Chrome or Firefox, or open this page from localhost.'
      : '';
  return {
    verdict: 'refused',
    message,
    fix: `Start the server, or correct host and port.\n${listCommands(commands)}${safari}`,
    commands,
  };
}

export function corsFinding(baseUrl: string, pageOrigin: string): ReachabilityFinding {
  const { origin, hostname } = new URL(baseUrl);
  const message = `A server answers at ${origin}, but does not let this page (${pageOrigin}) read its answers (CORS).`;
  if (addressSpace(hostname) === 'public') {
    const fix =
      'This endpoint is not meant for browsers. Put a proxy of your own in front of it, or use the command line.';
    return { verdict: 'cors', message, fix };
  }
  const commands = commandsToAllow(baseUrl, pageOrigin);
  return { verdict: 'cors', message, fix: `Restart the server with\n${listCommands(commands)}`, commands };
}

const forbiddenByPage = (target: URL): ReachabilityFinding => ({
  verdict: 'page-policy',
  message: `This page's own security policy does not allow connections to ${target.origin}.`,
  fix: `Use an https address, or bring the server to this machine: ssh -N -L 8000:localhost:${target.port || '80'} ${target.hostname}, then http://localhost:8000/v1.`,
});

function noPermission(
  baseUrl: string,
  pageOrigin: string,
  state: LocalNetworkPermission | undefined,
  secure: boolean,
): ReachabilityFinding {
  const place = addressSpace(new URL(baseUrl).hostname) === 'loopback' ? 'this machine' : 'the local network';
  const message = `The browser does not let this page reach servers on ${place}.`;
  if (!secure) {
    return {
      verdict: 'permission',
      message,
      fix: 'Open this page over https: without it the browser does not even ask.',
    };
  }
  if (state === 'denied') {
    const fix =
      'Open the site settings (the symbol left of the address), set "Local network access" to "Allow", and test again.';
    return { verdict: 'permission', message, fix };
  }
  // Chrome asks when a connection is made. Where it does not ask, there was none.
  const commands = commandsToAllow(baseUrl, pageOrigin);
  const fix = `Test again and choose "Allow" when the browser asks. If it does not ask, no server is running there: start it.\n${listCommands(commands)}`;
  return { verdict: 'permission', message, fix, commands };
}
