/** How servers are named on the command line and on the page: `qdrant://host:6333/collection`, `retrieve://host:8787` and the like. */
import { REMOTE_KINDS, type RemoteKind, type RemoteLink } from '../../protocol/corpus';
import { AppError } from '../../protocol/errors';

/** Scheme of the reference, and of the requests where it is said. */
const REFERENCE = /^(?<kind>[a-z]+)(?:\+(?<scheme>https?))?:\/\/(?<rest>.*)$/s;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
/** What all engines take, and what needs no quoting in a path. */
const COLLECTION = /^[a-z0-9][a-z0-9_.-]{0,127}$/;

const refuse = (reference: string, why: string): AppError =>
  new AppError('BAD_INPUT', `"${reference.slice(0, 200)}" names no retrieval server: ${why}.`, {
    fix:
      'Give qdrant://host:6333/collection, opensearch://host:9200/index, elasticsearch://host:9200/index or retrieve://host:port. ' +
      'Requests go by https, on this machine by http; qdrant+http:// says otherwise.',
  });

export const isRemoteReference = (text: string): boolean =>
  REMOTE_KINDS.some((kind) => text.startsWith(`${kind}://`) || text.startsWith(`${kind}+http`));

/** A link of parts that a form gives. @throws AppError BAD_INPUT */
export function remoteLink(kind: RemoteKind, address: string, collection: string): RemoteLink {
  const text = address.trim();
  if (!URL.canParse(text)) throw refuse(text, 'its address cannot be read');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refuse(text, 'it is not http or https');
  // Addresses are stored and shown; keys are neither.
  if (url.username !== '' || url.password !== '') throw refuse(`${url.protocol}//…`, 'it carries a password');
  const path = url.pathname.replace(/\/+$/, '').replace(kind === 'retrieve' ? /\/retrieve$/ : /$^/, '');
  const name = collection.trim();
  if (kind === 'retrieve') return { kind, url: `${url.origin}${path}`, collection: '' };
  if (!COLLECTION.test(name)) {
    throw refuse(text, 'the collection must be named with small letters, digits, dots and dashes');
  }
  return { kind, url: `${url.origin}${path}`, collection: name };
}

/** @throws AppError BAD_INPUT */
export function parseRemoteReference(reference: string): RemoteLink {
  const { kind: word, scheme, rest = '' } = REFERENCE.exec(reference.trim())?.groups ?? {};
  const kind = REMOTE_KINDS.find((one) => one === word);
  if (!kind)
    throw refuse(reference, `it must begin with ${REMOTE_KINDS.map((one) => `${one}://`).join(', ')}`);
  const plain = `http://${rest}`;
  if (!URL.canParse(plain)) throw refuse(reference, 'its address cannot be read');
  const { hostname, pathname } = new URL(plain);
  const [before = '', collection = ''] =
    kind === 'retrieve' ? [rest] : [rest.slice(0, rest.lastIndexOf('/')), pathname.split('/').at(-1)];
  return remoteLink(
    kind,
    `${scheme ?? (LOOPBACK.test(hostname) ? 'http' : 'https')}://${before}`,
    collection,
  );
}

/** As a reference that is read back to the same link. */
export function formatRemoteReference({ kind, url, collection }: RemoteLink): string {
  return `${kind}+${url}${collection === '' ? '' : `/${collection}`}`;
}
