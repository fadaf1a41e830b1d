import { AppError } from '../../src/protocol/errors';
import { engineOf } from '../../src/retrieval/remote/open-remote';
import { pushCorpus } from '../../src/retrieval/remote/push';
import { parseRemoteReference } from '../../src/retrieval/remote/remote-reference';
import { defineCommand, UsageError, wholeNumber } from '../command';
import { IndexFolder } from '../index-folder';
import { KEY_VARIABLE, remoteTools } from '../linked-corpus';
import { progressNotes } from '../progress';

export const indexPush = defineCommand({
  name: 'index push',
  positionals: 'DIR',
  count: [1, 1],
  summary: 'Loads an index into Qdrant, OpenSearch or Elasticsearch, in batches; goes on where it stopped.',
  options: {
    to: {
      type: 'string',
      value: 'REF',
      help: `qdrant://host:6333/collection, opensearch://… or elasticsearch://host:9200/index; a key in ${KEY_VARIABLE}`,
    },
    batch: { type: 'string', value: 'N', help: 'passages of a request; default 256' },
    replace: { type: 'boolean', help: 'delete another corpus that the collection holds' },
  },
  async run(values, [folder = ''], console) {
    if (values.to === undefined) throw new UsageError('`s3 index push` needs --to REF.');
    const batch = wholeNumber('batch', values.batch, 1, 256);
    const link = parseRemoteReference(values.to);
    if (link.kind === 'retrieve') {
      throw new AppError('UNSUPPORTED', 'A /retrieve server cannot be filled from here.', {
        fix: 'Serve the index itself: `s3 serve --model none --corpus DIR`.',
      });
    }
    const index = await IndexFolder.open(folder);
    const started = performance.now();
    const report = await pushCorpus(await index.pushSource(), engineOf(link, remoteTools()), {
      ...{ batch, replace: values.replace ?? false },
      ...{ onProgress: progressNotes(console), signal: console.signal },
    });
    const seconds = (performance.now() - started) / 1000;
    if (console.json) console.out(JSON.stringify({ ...report, seconds }));
    else {
      const before = report.resumed > 0 ? `, ${report.resumed} of them by an earlier push` : '';
      console.out(`${values.to}: ${report.passages} passages${before}, ${seconds.toFixed(1)} s`);
    }
  },
});
