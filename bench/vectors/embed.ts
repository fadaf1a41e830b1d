/**
 * Makes the vectors that recall is measured on; arguments: a corpus (JSONL, gzipped or not), and how many characters of a text are read.
 * `demo-vectors.ts` says where they are kept.
 */
import process from 'node:process';
import { demoVectors } from './demo-vectors';

const [corpus, characters = '20000'] = process.argv.slice(2);
if (corpus === undefined)
  throw new Error('Name a corpus: tsx bench/vectors/embed.ts corpus.jsonl.gz [characters]');
await demoVectors({
  corpus,
  passages: 50_500,
  queries: 500,
  characters: Number(characters),
  cache: '.cache/bench',
  print: (line) => console.log(line),
});
process.exit();
