/**
 * The container of every binary index file: a JSON header with a sha256 over the payload, then named sections, each aligned
 * to 8 bytes. A file cut short or altered is told from a whole one before anything of it is used.
 *
 * Layout, little-endian: magic `S3SECT\0\0`, u32 version = 1, u32 header length, header (UTF-8 JSON, padded with blanks),
 * payload.
 */
import { AppError } from '../protocol/errors';
import { sha256Hex } from './sha256';

const MAGIC = 'S3SECT\0\0';
const VERSION = 1;
export const PREFIX_BYTES = 16;
const ALIGNMENT = 8;
const MAX_HEADER_BYTES = 1 << 20;
const NO_HASH = '0'.repeat(64);

export type SectionMeta = Record<string, string | number>;

export interface Sections {
  /** Of the format. */
  version: number;
  meta: SectionMeta;
  sections: Map<string, Uint8Array<ArrayBuffer>>;
}

interface Header {
  format: string;
  formatVersion: number;
  sha256: string;
  meta: SectionMeta;
  sections: { name: string; offset: number; bytes: number }[];
}

const align = (n: number): number => Math.ceil(n / ALIGNMENT) * ALIGNMENT;

/** `format` and `formatVersion` name the contents, e.g. `bm25`, 1. */
export async function encodeSections(
  format: string,
  formatVersion: number,
  meta: SectionMeta,
  parts: readonly (readonly [name: string, data: ArrayBufferView])[],
): Promise<Uint8Array<ArrayBuffer>> {
  const sections: Header['sections'] = [];
  let offset = 0;
  for (const [name, data] of parts) {
    sections.push({ name, offset, bytes: data.byteLength });
    offset = align(offset + data.byteLength);
  }
  // A hash has always the same length, so the header has its place before it is known, and the payload is laid out but once.
  const json = (sha256: string): Uint8Array => {
    const header: Header = { format, formatVersion, sha256, meta, sections };
    return new TextEncoder().encode(JSON.stringify(header));
  };
  const headerBytes = align(json(NO_HASH).byteLength);
  const file = new Uint8Array(PREFIX_BYTES + headerBytes + offset);
  const payload = file.subarray(PREFIX_BYTES + headerBytes);
  parts.forEach(([, data], i) => {
    payload.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), sections[i]?.offset ?? 0);
  });
  file.set(new TextEncoder().encode(MAGIC));
  const view = new DataView(file.buffer);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, headerBytes, true);
  file.fill(0x20, PREFIX_BYTES, PREFIX_BYTES + headerBytes);
  file.set(json(await sha256Hex(payload)), PREFIX_BYTES);
  return file;
}

export const damaged = (format: string, what: string): AppError =>
  new AppError('INTEGRITY', `The ${format} file is damaged: ${what}.`, { fix: 'Build the index again.' });

/** Bytes before the first section, from the first `PREFIX_BYTES` of a file. @throws AppError INTEGRITY */
export function payloadStart(file: Uint8Array, format: string): number {
  if (file.byteLength < PREFIX_BYTES || new TextDecoder('latin1').decode(file.subarray(0, 8)) !== MAGIC) {
    throw damaged(format, 'it does not begin as such a file does');
  }
  const headerBytes = new DataView(file.buffer, file.byteOffset, file.byteLength).getUint32(12, true);
  if (headerBytes > MAX_HEADER_BYTES) throw damaged(format, 'it is cut short');
  return PREFIX_BYTES + headerBytes;
}

function readHeader(file: Uint8Array, format: string): { header: Header; start: number } {
  const start = payloadStart(file, format);
  if (start > file.byteLength) throw damaged(format, 'it is cut short');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(file.subarray(PREFIX_BYTES, start)));
  } catch (cause) {
    throw new AppError('INTEGRITY', `The ${format} file is damaged: its header is no JSON.`, {
      fix: 'Build the index again.',
      cause,
    });
  }
  if (!isHeader(header)) throw damaged(format, 'its header is incomplete');
  return { header, start };
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null) return false;
  const { meta, sections } = value as Partial<Record<keyof Header, unknown>>;
  const isSection = (one: unknown): boolean => typeof one === 'object' && one !== null;
  return typeof meta === 'object' && meta !== null && Array.isArray(sections) && sections.every(isSection);
}

export interface SectionHeader {
  /** Of the format. */
  version: number;
  meta: SectionMeta;
  /** In the order in which they lie, offsets from `start`. */
  sections: { name: string; offset: number; bytes: number }[];
  /** Of the first section in the file. */
  start: number;
  sha256: string;
}

/**
 * The header of a file of `fileBytes` in all, of which the beginning is given, header and all.
 * @throws AppError INTEGRITY, or UNSUPPORTED for another version
 */
export function readSectionHeader(
  beginning: Uint8Array,
  format: string,
  formatVersion: number | readonly number[],
  fileBytes: number,
): SectionHeader {
  const versions = typeof formatVersion === 'number' ? [formatVersion] : formatVersion;
  const { header, start } = readHeader(beginning, format);
  if (header.format !== format) throw damaged(format, `it is a ${header.format} file`);
  if (!versions.includes(header.formatVersion)) {
    throw new AppError('UNSUPPORTED', `The ${format} file has version ${String(header.formatVersion)}.`, {
      fix: `Build the index again with this version, which reads ${versions.join(' and ')}.`,
    });
  }
  // The hash does not cover the header, so a section is only taken from where it is always written.
  let expected = 0;
  for (const { name, offset, bytes } of header.sections) {
    if (!(bytes >= 0 && start + offset + bytes <= fileBytes)) {
      throw damaged(format, `section ${name} lies outside`);
    }
    if (offset !== expected) throw damaged(format, `section ${name} is not where it was written`);
    expected = align(offset + bytes);
  }
  const { meta, sections, sha256, formatVersion: version } = header;
  return { version, meta, sections, start, sha256 };
}

/**
 * Reads a file of the given kind and version, or of one of the versions, the newest first; the hash checked. Sections are views of the file where
 * that lies so that they are aligned for any typed array, else copies.
 */
export async function decodeSections(
  file: Uint8Array<ArrayBuffer>,
  format: string,
  formatVersion: number | readonly number[],
): Promise<Sections> {
  const { start, sha256, ...header } = readSectionHeader(file, format, formatVersion, file.byteLength);
  const payload = file.subarray(start);
  if ((await sha256Hex(payload)) !== sha256) throw damaged(format, 'its checksum differs');
  const sections = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const { name, offset, bytes } of header.sections) {
    const view = payload.subarray(offset, offset + bytes);
    sections.set(name, view.byteOffset % ALIGNMENT === 0 ? view : view.slice());
  }
  return { version: header.version, meta: header.meta, sections };
}

/** What the header says beside the sections, of any version; the payload is not looked at. */
export function readMeta(file: Uint8Array, format: string): SectionMeta {
  const { header } = readHeader(file, format);
  if (header.format !== format) throw damaged(format, `it is a ${header.format} file`);
  return header.meta;
}

/** A section that must be there. */
export function requireSection(from: Sections, format: string, name: string): Uint8Array<ArrayBuffer> {
  const section = from.sections.get(name);
  if (!section) throw damaged(format, `section ${name} is missing`);
  return section;
}

/** A section as numbers. */
export function requireWords<T>(
  section: Uint8Array<ArrayBuffer>,
  format: string,
  type: { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBuffer, from: number, length: number): T },
): T {
  const length = section.byteLength / type.BYTES_PER_ELEMENT;
  if (!Number.isInteger(length)) throw damaged(format, 'a list is cut short');
  return new type(section.buffer, section.byteOffset, length);
}

/** A number of the header that must be there. */
export function requireNumber(from: Pick<Sections, 'meta'>, format: string, name: string): number {
  const value = from.meta[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw damaged(format, `its ${name} is missing`);
  return value;
}
