import { describe, expect, it } from 'vitest';
import type { SystemId, TraceFile } from '../protocol/trace';
import type { System } from '../protocol/system';
import { createNaiveRag } from './naive-rag';
import { outputSequence, outputSequences } from './output-sequences';
import { ANCHOR } from './prompts';
import { createS3 } from './s3';
import { s3Settings, settingsRecord, type S3Settings } from './settings';
import {
  collect,
  eventsOf,
  finish,
  passage,
  ScriptedModel,
  ScriptedRetriever,
  search,
  tickingClock,
} from './testing/scripted';
import { traceFile } from './trace-file';
import { parseTranscript } from './transcript';
import { buildContext, renderContext } from './context';

async function record(
  system: System,
  settings: Partial<S3Settings> = {},
  question = 'Who?',
): Promise<TraceFile> {
  const events = await collect(system, question, { goldAnswers: ['Ada', 'Ada L.'] });
  const header = {
    system: system.id satisfies SystemId,
    mode: 'paper',
    startedAt: '2025-05-20T12:00:00.000Z',
  } as const;
  return traceFile({ ...header, settings: settingsRecord(s3Settings(settings)) }, events);
}

function s3(
  script: readonly string[],
  settings: Partial<S3Settings> = {},
  retriever = new ScriptedRetriever(),
) {
  const searcher = new ScriptedModel(script);
  const generator = new ScriptedModel(['Ada']);
  return { searcher, system: createS3({ searcher, generator, retriever, settings, clock: tickingClock() }) };
}

describe('an entry of output_sequences.json', () => {
  it('of naive RAG has the documents in the original’s form and no response', async () => {
    const system = createNaiveRag({
      generator: new ScriptedModel(['Ada']),
      retriever: new ScriptedRetriever(),
      settings: { initialDocuments: 2 },
      clock: tickingClock(),
    });
    expect(outputSequences([await record(system, {}, ' Who built it ')])).toEqual({
      'Who built it?': {
        golden_answers: ['Ada', 'Ada L.'],
        context_with_info:
          'Doc 1 (Title: Title of Who built it?#1) Text of Who built it?#1.\n' +
          'Doc 2 (Title: Title of Who built it?#2) Text of Who built it?#2.\n',
      },
    });
  });

  it('of s3 has the context as rendered and the transcript that the searcher saw', async () => {
    const settings = { promptStyle: 'compact', maxTurns: 2 } as const;
    const { system, searcher } = s3([search('b', [1]), 'Hm.', finish([2])], settings);
    const { entry } = outputSequence(await record(system, settings));
    expect(Object.keys(entry)).toEqual(['golden_answers', 'context_with_info', 'response_str']);
    const last = searcher.requests.at(-1);
    const seen = (last?.continuation ?? []).map((segment) => segment.text).join('');
    expect(entry.response_str).toBe(
      `<|im_start|>user\n${last?.messages?.[0]?.content ?? ''}<|im_end|>\n<|im_start|>assistant\n${seen}${finish([2])}<|im_end|>`,
    );
  });

  it('gives the same context when the original’s rules read its transcript', async () => {
    const retriever = new ScriptedRetriever((query, topK) =>
      Array.from({ length: topK }, (_, i) =>
        passage(`${query}${i}`, `About ${query} (${i}).`, `The "${query}" (no. ${i})`),
      ),
    );
    const scripts = [
      [finish()],
      [search('b', [1]), finish([2, 3])],
      [search('b'), search('c', [7, 1]), finish([])],
      ['Hm.'],
      [search('b'), 'Hm.', '<important_info>[3]</important_info><query>c</query>', search('d', [1])],
    ];
    for (const script of scripts) {
      const { system } = s3(script, {}, retriever);
      const { entry } = outputSequence(await record(system));
      const context = renderContext(buildContext(parseTranscript(entry.response_str ?? '')));
      expect(context).toBe(entry.context_with_info);
    }
  });

  it('shows a failed retrieval and a cut window as the searcher saw them', async () => {
    const retriever = new ScriptedRetriever((query) => {
      if (query === 'down') throw new Error('down');
      return [passage(query, 'word '.repeat(query === 'long' ? 3000 : 3))];
    });
    const { system, searcher } = s3([search('down'), search('long'), finish()], {}, retriever);
    const { entry } = outputSequence(await record(system));
    const seen = (searcher.requests.at(-1)?.continuation ?? []).map((segment) => segment.text).join('');
    expect(seen).toContain('<information>Error</information>');
    expect(entry.response_str).toContain(`assistant\n${seen}`);
  });

  it('asks for no query after the last turn', async () => {
    const { system } = s3(['Hm.'], { maxTurns: 1 });
    const { entry } = outputSequence(await record(system));
    expect(entry.response_str?.endsWith('<query>\nHm.<|im_end|>')).toBe(true);
  });

  it('cannot be made from a run that failed before its context', async () => {
    const { system } = s3([finish()], {}, new ScriptedRetriever(() => {
      throw new Error('down');
    })); // prettier-ignore
    const file = await record(system);
    expect(eventsOf(file.events, 'failed')).toHaveLength(1);
    expect(() => outputSequence(file)).toThrow('before a context was built');
  });

  it('has the anchor line once', async () => {
    const { system } = s3([finish()]);
    const { entry } = outputSequence(await record(system));
    expect(entry.response_str?.split(ANCHOR)).toHaveLength(2);
  });
});
