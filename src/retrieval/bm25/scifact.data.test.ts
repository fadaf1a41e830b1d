import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Passage } from '../../protocol/retrieval';
import { buildBm25 } from './bm25-retriever';

const data = process.env['S3_DATA'] ?? '../shared/data';
const lines = (text: string): string[] => text.trim().split('\n');

interface Row {
  id?: string;
  _id?: string;
  title: string;
  text: string;
}
const passages = (jsonl: string): Passage[] =>
  lines(jsonl).map((line) => {
    const row = JSON.parse(line) as Row;
    return { id: row.id ?? row._id ?? '', title: row.title, text: row.text };
  });

describe('BM25 on real corpora', () => {
  it('reaches the figures that Anserini publishes for SciFact', async () => {
    const folder = join(data, 'corpora/scifact');
    const corpus = passages(gunzipSync(readFileSync(join(folder, 'corpus.jsonl.gz'))).toString());
    const relevant = new Map<string, Set<string>>();
    for (const line of lines(readFileSync(join(folder, 'qrels.test.txt'), 'utf8'))) {
      const [query = '', , id = '', grade] = line.split(' ');
      if (Number(grade) > 0) relevant.set(query, (relevant.get(query) ?? new Set()).add(id));
    }
    const index = await buildBm25(corpus);
    let ndcg = 0;
    let recall = 0;
    const queries = lines(readFileSync(join(folder, 'queries.test.tsv'), 'utf8'));
    for (const line of queries) {
      const [id = '', text = ''] = line.split('\t');
      const gold = relevant.get(id) ?? new Set();
      const found = [...index.search(text, 100).rows].map((row) => gold.has(corpus[row]?.id ?? ''));
      const gain = (hit: boolean, i: number): number => (hit ? 1 / Math.log2(i + 2) : 0);
      const ideal = Array.from({ length: Math.min(gold.size, 10) }, (_, i) => gain(true, i));
      const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
      ndcg += sum(found.slice(0, 10).map(gain)) / sum(ideal);
      recall += found.filter(Boolean).length / gold.size;
    }
    console.info(
      `SciFact nDCG@10 ${(ndcg / queries.length).toFixed(4)} R@100 ${(recall / queries.length).toFixed(4)}`,
    );
    expect(ndcg / queries.length).toBeCloseTo(0.6789, 4);
    expect(recall / queries.length).toBeCloseTo(0.9253, 4);
  });

  it('finds all gold passages of the multi-hop questions about as often as a reference BM25', async () => {
    const corpus = passages(readFileSync(join(data, 'corpora/wiki-multihop-3k.jsonl'), 'utf8'));
    const index = await buildBm25(corpus);
    const counts = new Map<string, { all: number; n: number }>();
    for (const line of lines(readFileSync(join(data, 'qa/wiki-multihop-questions.jsonl'), 'utf8'))) {
      const { dataset, question, gold } = JSON.parse(line) as {
        dataset: string;
        question: string;
        gold: string[];
      };
      const found = new Set([...index.search(question, 10).rows].map((row) => corpus[row]?.id));
      const count = counts.get(dataset) ?? { all: 0, n: 0 };
      counts.set(dataset, { all: count.all + (gold.every((id) => found.has(id)) ? 1 : 0), n: count.n + 1 });
    }
    console.info(JSON.stringify(Object.fromEntries(counts)));
    expect(counts.size).toBeGreaterThan(0);
    const hotpot = counts.get('hotpotqa');
    expect((hotpot?.all ?? 0) / (hotpot?.n ?? 1)).toBeGreaterThan(0.65);
  });
});
