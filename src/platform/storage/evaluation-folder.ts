/**
 * Evaluations in a folder, one folder each: `evaluation.json`, `questions.jsonl`, and, only ever appended to, `traces.jsonl` and
 * `results.jsonl`. A result is written after its trace and names where it lies, so a line of results stands for both. A line that a
 * crash cut short is cut off before the next one is written.
 */
import { mkdir, open, readdir, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../protocol/errors';
import type { EvaluationStore, StoredResult } from '../../protocol/evaluation-store';

const RECORD = 'evaluation.json';
const QUESTIONS = 'questions.jsonl';
const RESULTS = 'results.jsonl';
const TRACES = 'traces.jsonl';
const LOCK = 'running.pid';

/** A line of `results.jsonl`; `trace` is the range of bytes in `traces.jsonl`. */
interface Line extends StoredResult {
  trace: [offset: number, length: number] | null;
}

interface Opened {
  results: FileHandle;
  traces: FileHandle;
  resultsEnd: number;
  tracesEnd: number;
}

export interface EvaluationFolder extends EvaluationStore {
  /** Closes the files; they are opened again when needed. */
  close(): Promise<void>;
}

/** @param folder made when the first evaluation is created */
export function openEvaluationFolder(folder: string): EvaluationFolder {
  const opened = new Map<string, Promise<Opened>>();
  /** Appends of one evaluation wait for each other. */
  const queues = new Map<string, Promise<unknown>>();

  const at = (id: string, name?: string): string => {
    if (!/^[\w-]{1,80}$/.test(id)) {
      throw new AppError('BAD_INPUT', `"${id.slice(0, 80)}" is no name of an evaluation.`, {
        fix: 'Use letters, digits, - and _.',
      });
    }
    return name === undefined ? join(folder, id) : join(folder, id, name);
  };

  async function readJson(id: string): Promise<unknown> {
    let text: string;
    try {
      text = await readFile(at(id, RECORD), 'utf8');
    } catch (cause) {
      if (!isMissing(cause)) throw cause;
      throw new AppError('NOT_FOUND', `There is no evaluation "${id}" in ${folder}.`, {
        fix: 'Check its name and the folder.',
        cause,
      });
    }
    return parse(text, at(id, RECORD));
  }

  async function readLines(id: string): Promise<Line[]> {
    const text = await readFile(at(id, RESULTS), 'utf8').catch(orEmpty);
    const lines = wholeLines(text);
    return lines.map((line) => parse(line, at(id, RESULTS)) as Line);
  }

  function open_(id: string): Promise<Opened> {
    let files = opened.get(id);
    if (files === undefined) {
      files = openFiles(at(id, RESULTS), at(id, TRACES));
      opened.set(id, files);
      files.catch(() => opened.delete(id));
    }
    return files;
  }

  async function closeOne(id: string): Promise<void> {
    const files = await opened.get(id)?.catch(() => undefined);
    opened.delete(id);
    await files?.results.close();
    await files?.traces.close();
  }

  async function appendNow(id: string, { key, result }: StoredResult, trace: unknown): Promise<void> {
    const files = await open_(id);
    try {
      let range: Line['trace'] = null;
      if (trace !== null && trace !== undefined) {
        const bytes = Buffer.from(`${JSON.stringify(trace)}\n`);
        range = [files.tracesEnd, bytes.byteLength];
        await files.traces.write(bytes, 0, bytes.byteLength, files.tracesEnd);
        await files.traces.datasync();
        files.tracesEnd += bytes.byteLength;
      }
      const line: Line = { key, result, trace: range };
      const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
      await files.results.write(bytes, 0, bytes.byteLength, files.resultsEnd);
      await files.results.datasync();
      files.resultsEnd += bytes.byteLength;
    } catch (cause) {
      // Where the files end is no longer sure: they are looked at anew.
      await closeOne(id).catch(() => undefined);
      throw full(cause, folder);
    }
  }

  return {
    async list() {
      const names = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
        if (isMissing(error)) return [];
        throw error;
      });
      const found: { id: string; record: unknown; at: string }[] = [];
      for (const entry of names) {
        if (!entry.isDirectory() || !/^[\w-]{1,80}$/.test(entry.name)) continue;
        const text = await readFile(join(folder, entry.name, RECORD), 'utf8').catch(orEmpty);
        if (text === '') continue;
        const record = parse(text, join(folder, entry.name, RECORD));
        found.push({ id: entry.name, record, at: createdAt(record) });
      }
      found.sort((a, b) => a.at.localeCompare(b.at) || a.id.localeCompare(b.id));
      return found.map(({ id, record }) => ({ id, record }));
    },

    record: readJson,

    async create(id, record, questions) {
      const taken = await readFile(at(id, RECORD), 'utf8').catch(orEmpty);
      if (taken !== '') {
        throw new AppError('BAD_INPUT', `There is an evaluation "${id}" in ${folder} already.`, {
          fix: 'Choose another name.',
        });
      }
      try {
        await rm(at(id), { recursive: true, force: true });
        await mkdir(at(id), { recursive: true });
        await writeFile(at(id, QUESTIONS), questions.map((one) => `${JSON.stringify(one)}\n`).join(''));
        // The record last: what has one is whole.
        await replace(at(id, RECORD), record);
      } catch (cause) {
        throw full(cause, folder);
      }
    },

    async saveRecord(id, record) {
      await readJson(id);
      try {
        await replace(at(id, RECORD), record);
      } catch (cause) {
        throw full(cause, folder);
      }
    },

    async questions(id) {
      await readJson(id);
      const text = await readFile(at(id, QUESTIONS), 'utf8').catch(orEmpty);
      return wholeLines(text).map((line) => parse(line, at(id, QUESTIONS)));
    },

    append(id, stored, trace) {
      const mine = (queues.get(id) ?? Promise.resolve()).then(() => appendNow(id, stored, trace));
      queues.set(
        id,
        mine.catch(() => undefined), // Whoever appended hears of it; the next in line need not.
      );
      return mine;
    },

    async results(id) {
      await queues.get(id);
      return (await readLines(id)).map(({ key, result }) => ({ key, result }));
    },

    async trace(id, key) {
      await queues.get(id);
      const range = (await readLines(id)).findLast((line) => line.key === key)?.trace ?? null;
      if (range === null) return null;
      const [offset, length] = range;
      const file = await open(at(id, TRACES), 'r');
      try {
        const bytes = Buffer.alloc(length);
        await file.read(bytes, 0, length, offset);
        return parse(bytes.toString('utf8'), at(id, TRACES));
      } finally {
        await file.close();
      }
    },

    async remove(id) {
      await queues.get(id);
      await closeOne(id);
      // The record first: what is half removed is not listed.
      await rm(at(id, RECORD), { force: true });
      await rm(at(id), { recursive: true, force: true });
    },

    async exclusively(id, work) {
      const path = at(id, LOCK);
      if (!(await takeLock(path))) return false;
      try {
        await work();
      } finally {
        await rm(path, { force: true });
      }
      return true;
    },

    async close() {
      await Promise.all(queues.values());
      await Promise.all([...opened.keys()].map(closeOne));
    },
  };
}

async function openFiles(resultsPath: string, tracesPath: string): Promise<Opened> {
  const [results, traces] = await Promise.all([openToAppend(resultsPath), openToAppend(tracesPath)]);
  return { results: results.file, traces: traces.file, resultsEnd: results.end, tracesEnd: traces.end };
}

/** Where the last whole line ends; what stands behind it is cut off. */
async function openToAppend(path: string): Promise<{ file: FileHandle; end: number }> {
  const file = await open(path, 'a').then(async (made) => {
    await made.close(); // `a` makes the file; writing at a position needs `r+`.
    return open(path, 'r+');
  });
  const { size } = await file.stat();
  const block = Buffer.alloc(64 * 1024);
  let end = size;
  for (let from = size; from > 0;) {
    const start = Math.max(0, from - block.length);
    const { bytesRead } = await file.read(block, 0, from - start, start);
    const newline = block.subarray(0, bytesRead).lastIndexOf(10);
    end = newline < 0 ? 0 : start + newline + 1;
    if (newline >= 0) break;
    from = start;
  }
  if (end < size) await file.truncate(end);
  return { file, end };
}

/** A lock of a process that is no more counts for nothing. */
async function takeLock(path: string): Promise<boolean> {
  for (let tries = 0; tries < 2; tries++) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      if (isAlive(Number(await readFile(path, 'utf8').catch(orEmpty)))) return false;
      await rm(path, { force: true });
    }
  }
  return false;
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function replace(path: string, value: unknown): Promise<void> {
  const half = `${path}.${process.pid}`;
  const file = await open(half, 'w');
  try {
    await file.writeFile(`${JSON.stringify(value, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(half, path);
}

const wholeLines = (text: string): string[] =>
  text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '');

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new AppError('INTEGRITY', `${path} is damaged: it holds something that is no JSON.`, {
      fix: 'Restore the file from a copy, or delete the evaluation.',
      cause,
    });
  }
}

const createdAt = (record: unknown): string =>
  typeof record === 'object' && record !== null && 'createdAt' in record ? String(record.createdAt) : '';

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

function orEmpty(error: unknown): string {
  if (isMissing(error)) return '';
  throw error;
}

function full(cause: unknown, folder: string): unknown {
  if (!(cause instanceof Error && 'code' in cause)) return cause;
  if (cause.code !== 'ENOSPC' && cause.code !== 'EDQUOT') return cause;
  return new AppError('STORAGE_FULL', `There is no room left in ${folder}.`, {
    fix: 'Free space on the disk and start the evaluation again; what is stored stays.',
    recoverable: true,
    cause,
  });
}
