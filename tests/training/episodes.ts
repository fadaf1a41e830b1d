/** Episodes for tests of rewards. */
import { collect, ScriptedModel, ScriptedRetriever, tickingClock } from '../../src/agent/testing/scripted';
import { makeSystem } from '../../src/agent/systems';
import type { Passage } from '../../src/protocol/retrieval';
import type { SystemId } from '../../src/protocol/trace';
import type { TrainingQuestion } from '../../src/train/records';
import type { Episode } from '../../src/train/rewards/reward';

export interface EpisodeScript {
  /** What the searcher says, turn by turn. */
  says: readonly string[];
  answer?: string;
  system?: SystemId;
  question?: Partial<TrainingQuestion>;
  find?: (query: string, topK: number) => readonly Passage[];
  /** Documents of DeepRetrieval's one search. */
  documents?: number;
}

/** A run of the real system with scripted models, as an episode. */
export async function episodeOf({
  says,
  answer = 'Ada',
  system = 's3',
  question = {},
  find,
  documents = 3,
}: EpisodeScript): Promise<Episode> {
  const asked: TrainingQuestion = {
    ...{ id: 'q', source: 'toy', question: 'Who built it?', goldAnswers: ['Ada'] },
    ...question,
  };
  const retriever = new ScriptedRetriever(find);
  const made = makeSystem(system, {
    searcher: new ScriptedModel(says, 'searcher'),
    generator: new ScriptedModel([answer], 'generator'),
    ...{ retriever, bm25: retriever, clock: tickingClock() },
    settings: { initialDocuments: documents },
  });
  const events = await collect(made.system, asked.question, { goldAnswers: asked.goldAnswers });
  return { question: asked, system, events: events.filter((event) => event.type !== 'delta') };
}
