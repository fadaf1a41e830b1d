import { describe, expect, it } from 'vitest';
import type { UnfinishedImport } from '../../protocol/corpus';
import { unfinishedWords } from './unfinished-words';

const left: UnfinishedImport = {
  ...{ id: 'a', name: 'Lamps', startedAt: '', passages: 2_000, embedded: 256, encoder: 'demo' },
};

describe('what is said of what was left', () => {
  it('is how far it had come: passages read, embedded, or vectors in the graph', () => {
    expect(unfinishedWords(left)).toBe('stopped: 256 of 2,000 passages embedded; what was done is kept');
    expect(unfinishedWords({ ...left, encoder: null })).toBe(
      'stopped: 2,000 passages read; what was done is kept',
    );
    expect(unfinishedWords({ ...left, embedded: 2_000, graphRows: 512 })).toBe(
      'stopped: 512 of 2,000 vectors in the graph; what was done is kept',
    );
  });

  it('tells an update and a new index from an import', () => {
    expect(unfinishedWords({ ...left, replaces: 'b' })).toBe(
      'update stopped: 256 of 2,000 passages embedded; what was done is kept',
    );
    const index: UnfinishedImport = { ...left, replaces: 'b', task: 'index', embedded: 2_000 };
    expect(unfinishedWords(index)).toBe('new index stopped');
    expect(unfinishedWords({ ...index, graphRows: 1_024 })).toBe(
      'new index stopped: 1,024 of 2,000 vectors in the graph; what was done is kept',
    );
  });
});
