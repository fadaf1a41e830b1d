import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Encoder, Passage } from '../../src/protocol/retrieval';
import { decodeVectors } from '../../src/retrieval/dense';
import { packFile } from '../../src/retrieval/packs/pack-manifest';
import { PassageFile } from '../../src/retrieval/passage-file';
import { startPackServer, type PackServer } from '../servers/pack-server';
import { expect, openPage, test } from './guarded-page';

/** The pack that comes with the page, with another index over the same vectors. */
async function startDemoPack(index: 'compact' | 'hnsw'): Promise<PackServer> {
  const read = async (name: string) => new Uint8Array(await readFile(join('public/packs/demo', name)));
  const passages = [...new PassageFile(await read('passages.jsonl'))];
  const vectors = await decodeVectors(await read('vectors.bin'));
  const rows = new Map(passages.map(({ id }, row) => [id, row]));
  const encoder: Encoder = {
    dimensions: vectors.dimensions,
    embedQueries: () => Promise.reject(new Error('Nobody asks here.')),
    embedPassages: (given: readonly Passage[]) =>
      Promise.resolve(given.map(({ id }) => vectors.rowAt(rows.get(id) ?? 0).slice())),
  };
  const { dimensions } = vectors;
  const identity = { model: 'demo-encoder', revision: 'local', dimensions, dtype: 'fp32' as const };
  return startPackServer({ passages, encoder, identity, index, chunkBytes: 100_000 });
}

const open: PackServer[] = [];
test.afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

for (const index of ['compact', 'hnsw'] as const) {
  test(`a pack whose index is ${index} is left where it lies, and searched there by meaning`, async ({
    page,
    watch,
  }) => {
    const pack = await startDemoPack(index);
    open.push(pack);
    watch.allow(new URL(pack.url).origin);
    await openPage(page, '#/corpora');
    await page.getByText('Open an index by its address').click();
    await page.getByLabel('Address of the index').fill(pack.url);
    await page.getByRole('button', { name: 'Look at it' }).click();
    await expect(page.getByText(/^Its index is /)).toContainText(index === 'compact' ? 'compact' : 'a graph');
    await page.getByRole('button', { name: /^Leave it there/ }).click();
    await page.getByRole('button', { name: 'Search in Lamps' }).click();
    await page.getByRole('textbox', { name: 'Query' }).fill('Who founded the lamp guild?');
    await page.keyboard.press('Enter');
    for (const mode of ['Dense: by meaning', 'Hybrid: both ranks fused']) {
      const column = page.getByRole('region', { name: mode });
      await expect(column.getByRole('button')).toHaveCount(10, { timeout: 60_000 });
    }
    const sent = (part: string): number =>
      pack.hub.requests.reduce((sum, { path, sent }) => sum + (path.includes(part) ? sent : 0), 0);
    const bytesOf = (name: string): number => packFile(pack.manifest, name)?.bytes ?? NaN;
    if (index === 'compact') {
      expect(sent('signs.bin')).toBe(bytesOf('signs.bin'));
      expect(sent('vectors.bin')).toBeGreaterThan(0);
    } else {
      expect(sent('graph.usearch')).toBe(bytesOf('graph.usearch'));
      expect(sent('vectors.bin')).toBe(0);
    }
  });
}

test('a pack made with another encoder is refused, and the page says why', async ({ page, watch }) => {
  const pack = await startPackServer();
  open.push(pack);
  watch.allow(new URL(pack.url).origin);
  const path = join(pack.folder, 'corpus.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  await writeFile(path, JSON.stringify({ ...manifest, prefixes: { query: '', passage: '' } }));
  await openPage(page, '#/corpora');
  await page.getByText('Open an index by its address').click();
  await page.getByLabel('Address of the index').fill(pack.url);
  await page.getByRole('button', { name: 'Look at it' }).click();
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('This index was made with another encoder');
  await expect(alert).toContainText('prefixes');
  await expect(page.getByRole('button', { name: /^Leave it there/ })).toHaveCount(0);
});
