/** Times the episodes of a training step, sixteen at a time and one after the other, in turns over the same engine. */
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import type { Backend } from '../../src/gpu/backend';
import { bytesSource } from '../../src/lm/byte-source';
import { loadModel } from '../../src/lm/engine';
import { ChatTemplate } from '../../src/lm/text/chat-template';
import { TextTokenizer } from '../../src/lm/text/tokenizer';
import { Bm25Retriever, buildBm25 } from '../../src/retrieval/bm25/bm25-retriever';
import { PassageFile } from '../../src/retrieval/passage-file';
import type { TrainingQuestion } from '../../src/train/records';
import type { Reward } from '../../src/train/rewards/reward';
import { collectRollouts } from '../../src/train/rollouts/collect';
import { SILENT_GENERATOR } from '../../src/train/rollouts/silent-generator';
import { spread, summarise, table } from '../statistics';

const EPISODES = 16;
const MAX_CONTEXT = 2048;

/** Tokens that the policy wrote, in a second. */
interface Speed {
  clock: number;
  /** Of all threads of this process: what other programs of the machine do does not count. */
  processor: number;
}

/** Where the demo's model lies, and the corpus that it is trained on. */
export interface DemoFolders {
  model: URL;
  train: URL;
}

const NO_REWARD: Reward = { needsAnswer: false, score: () => Promise.resolve({ score: 0, accuracy: 0 }) };

async function readQuestions(train: URL): Promise<TrainingQuestion[]> {
  const lines = (await readFile(new URL('questions.jsonl', train), 'utf8')).split('\n').slice(0, EPISODES);
  return lines.map((line) => {
    const { id, question } = JSON.parse(line) as { id: string; question: string };
    return { id, source: 'demo', question, goldAnswers: [] };
  });
}

export async function compareRollouts(
  backend: Backend,
  folders: DemoFolders,
  rounds: number,
  print: (line: string) => void,
): Promise<void> {
  const text = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(new URL(name, folders.model), 'utf8'));
  const tokenizerConfig = await text('tokenizer_config.json');
  const weights = await readFile(new URL('model.safetensors', folders.model));
  const engine = await loadModel({
    ...{ backend, slots: EPISODES, maxContext: MAX_CONTEXT, config: await text('config.json') },
    source: bytesSource('model.safetensors', weights),
  });
  const policy = {
    ...{ id: 'demo', engine, tokenizer: new TextTokenizer(await text('tokenizer.json'), tokenizerConfig) },
    ...{ template: ChatTemplate.find(tokenizerConfig), eosTokenIds: engine.config.eosTokenIds },
  };
  const passages = new PassageFile(new Uint8Array(await readFile(new URL('corpus.jsonl', folders.train))));
  const list = Array.from({ length: passages.length }, (_, row) => passages.at(row)).filter((one) => !!one);
  const retriever = new Bm25Retriever(await buildBm25(list), passages);
  const questions = await readQuestions(folders.train);
  const collect = async (concurrency: number, step: number): Promise<Speed> => {
    const before = process.cpuUsage();
    const started = performance.now();
    const rollouts = await collectRollouts({
      ...{ policy, retriever, questions, reward: NO_REWARD, generator: SILENT_GENERATOR, concurrency, step },
      settings: { promptStyle: 'compact', documentsPerQuery: 5, maxTurns: 3 },
      sampling: { temperature: 0.8, topP: 1 },
      lengths: { start: 700, prompt: 1900, response: 100, observation: 700 },
      ...{ seed: 1, clock: () => performance.now() },
    });
    const written = rollouts.reduce((sum, { actions }) => sum + actions.reduce((n, one) => n + one, 0), 0);
    const clock = (1000 * written) / (performance.now() - started);
    const { user, system } = process.cpuUsage(before);
    return { clock, processor: (1e6 * written) / (user + system) };
  };
  // Compiles what both need.
  await collect(EPISODES, 0);
  const [together, alone]: [Speed[], Speed[]] = [[], []];
  for (let round = 1; round <= rounds; round += 1) {
    together.push(await collect(EPISODES, round));
    alone.push(await collect(1, round));
  }
  const row = (atATime: number, speeds: readonly Speed[], ratios: readonly string[]): string[] => [
    String(atATime),
    ...(['clock', 'processor'] as const).map((kind) => spread(summarise(speeds.map((one) => one[kind])))),
    ...ratios,
  ];
  const ratio = (kind: keyof Speed): string =>
    `**${spread(summarise(together.map((speed, round) => speed[kind] / (alone[round]?.[kind] ?? NaN))))}**`;
  print(`\nEpisodes of the demo's searcher on ${backend.description.name}, ${EPISODES} questions a round:\n`);
  const header = ['at a time', 'tokens/s: median (least–most)', 'tokens a second of processor time'];
  print(
    table(
      [...header, `${EPISODES} ÷ 1 by the clock`, 'by processor time'],
      [row(EPISODES, together, [ratio('clock'), ratio('processor')]), row(1, alone, ['', ''])],
    ),
  );
  engine.dispose();
}
