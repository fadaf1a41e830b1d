import { basename, resolve } from 'node:path';
import { LocalModel } from '../../src/lm/local-model';
import { AppError } from '../../src/protocol/errors';
import { RETRIEVAL_MODES } from '../../src/protocol/retrieval';
import { deviceOption, readDevice } from '../backend';
import { defineCommand, oneOf, UsageError, wholeNumber, type Console } from '../command';
import { repeatsOption } from '../corpus-reader';
import { chooseRetriever } from '../corpus-retriever';
import { Models } from '../models';
import { isLoopback } from '../serve/access';
import type { NamedModel } from '../serve/completions';
import { startServer } from '../serve/server';
import { dtypeOption, readDType } from '../weight-type';

const NONE = 'none';
/** What runs may take so long to finish when the server is told to stop. */
const GRACE_MS = 5_000;

export const serve = defineCommand({
  name: 'serve',
  positionals: '',
  count: [0, 0],
  summary: "Serves a model by OpenAI's API (/v1) and a corpus by that of s3's retriever (/retrieve).",
  options: {
    model: { type: 'string', value: 'M', help: 'demo (default), a folder, a file, hf:owner/name, or none' },
    corpus: {
      type: 'string',
      value: 'C',
      help: 'demo (default), a JSONL file, an index (its folder or address), a server such as qdrant://host/name, or none',
    },
    ...repeatsOption,
    mode: {
      type: 'string',
      value: 'dense|bm25|hybrid',
      help: 'retrieval; default: dense where there are vectors',
    },
    topk: { type: 'string', value: 'N', help: 'hits for /retrieve requests that name no number; default 12' },
    port: { type: 'string', value: 'N', help: 'default 8787; 0 takes any that is free' },
    host: { type: 'string', value: 'H', help: 'default 127.0.0.1; others want a key' },
    'api-key': { type: 'string', value: 'KEY', help: 'what clients must send; or set S3_SERVE_KEY' },
    cors: {
      type: 'string',
      multiple: true,
      value: 'ORIGIN',
      help: 'lets pages of this origin in, such as http://127.0.0.1:5173; may be repeated',
    },
    name: { type: 'string', value: 'ID', help: "the model's name in requests; default: as in --model" },
    dtype: dtypeOption,
    device: deviceOption,
  },
  async run(values, _positionals, console) {
    const host = values.host ?? '127.0.0.1';
    const port = wholeNumber('port', values.port, 0, 8787);
    if (port > 65_535) throw new UsageError(`--port is ${port}; ports end at 65535.`);
    const topK = wholeNumber('topk', values.topk, 1, 12);
    const mode = oneOf('mode', values.mode, [...RETRIEVAL_MODES, 'auto'], 'auto');
    const apiKey = readKey(values['api-key']);
    const origins = readOrigins(values.cors ?? [], apiKey);
    if (apiKey === undefined && !isLoopback(host)) {
      throw new UsageError(
        `--host ${host} lets other machines in; that wants a key: --api-key or S3_SERVE_KEY.`,
      );
    }
    const reading = { numberRepeats: values['number-repeats'] };
    const corpusName = values.corpus ?? 'demo';
    if (corpusName === NONE && reading.numberRepeats === true) {
      throw new UsageError('--number-repeats is of a corpus, and --corpus is none.');
    }
    const models = new Models(console, readDevice(values.device), readDType(values.dtype));
    try {
      const model = await openModel(models, values.model ?? 'demo', values.name);
      const corpus =
        corpusName === NONE ? undefined : await chooseRetriever(corpusName, mode, console, reading);
      if (!model && !corpus) throw new UsageError('There is nothing to serve: give a model or a corpus.');
      const server = await startServer({
        ...{ host, port, apiKey, origins, topK, model, corpus },
        log: (line) => console.note(line),
        onError: (error) =>
          console.note(error instanceof Error ? (error.stack ?? error.message) : String(error)),
      });
      const about = { url: server.url, model: model?.id ?? null, corpus: corpus?.name ?? null };
      if (console.json) console.out(JSON.stringify(about));
      else for (const line of greeting(about, corpus?.mode)) console.out(line);
      await firing(console.signal);
      console.note('Stopping; what runs may finish.');
      await server.stop(GRACE_MS);
    } finally {
      await models.dispose();
    }
  },
});

function readKey(option: string | undefined): string | undefined {
  const key = option ?? process.env['S3_SERVE_KEY'];
  if (key === undefined || key === '') return undefined;
  if (!/^[\x21-\x7e]+$/.test(key))
    throw new UsageError('The key holds spaces or characters that a header cannot.');
  return key;
}

/** Origins as browsers write them. */
function readOrigins(given: readonly string[], apiKey: string | undefined): string[] {
  return given.map((text) => {
    if (text === '*') {
      if (apiKey !== undefined) return text;
      throw new UsageError('--cors * would let every page on the web in; that wants a key.');
    }
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '') {
      throw new UsageError(`--cors is "${text}"; it takes an origin such as http://127.0.0.1:5173.`);
    }
    return url.origin;
  });
}

async function openModel(
  models: Models,
  reference: string,
  name: string | undefined,
): Promise<NamedModel | undefined> {
  if (reference === NONE) return undefined;
  const { model } = await models.open(reference);
  if (!(model instanceof LocalModel)) {
    throw new AppError('UNSUPPORTED', `${reference} is an endpoint already.`, {
      fix: 'Serve a model of this machine: demo, or a folder.',
    });
  }
  return { id: name ?? nameOf(reference), model };
}

/** What requests call a model: an id or a repository as it is, a folder or file by its last name. */
const nameOf = (reference: string): string =>
  /^hf:/.test(reference) ? reference.slice('hf:'.length) : basename(resolve(reference));

function greeting(
  { url, model, corpus }: { url: string; model: string | null; corpus: string | null },
  mode: string | undefined,
): string[] {
  return [
    ...(model === null ? [] : [`${url}/v1 serves ${model} by OpenAI's API`]),
    ...(corpus === null ? [] : [`${url}/retrieve searches ${corpus} (${mode ?? ''})`]),
    'Ctrl-C stops it.',
  ];
}

const firing = (signal: Console['signal']): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
