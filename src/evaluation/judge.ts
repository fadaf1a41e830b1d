/** A language model's word on whether an answer is right, where comparing texts does not settle it. */
import { AppError } from '../protocol/errors';
import type { GenerateRequest, LanguageModel } from '../protocol/language-model';
import { pythonList } from './python-repr';

export interface JudgedAnswer {
  question: string;
  answer: string;
  goldAnswers: readonly string[];
}

/** Whether the answer is right; null where the judge would not say, which counts as no. */
export type Judge = (judged: JudgedAnswer, signal?: AbortSignal) => Promise<boolean | null>;

/** `genacc`: the second half of GenAcc. `mirage`: the only measure of MIRAGE, which compares meanings and sees the question. */
export type JudgeForm = 'genacc' | 'mirage';

/** s3's judge prompt, byte for byte (`local_inst.py`; arXiv 2505.14146, A.4); the gold answers as Python prints a list. */
export const genAccPrompt = (answer: string, goldAnswers: readonly string[]): string =>
  `Please check if any of the golden answers is contained in the following response: ${answer}\n\nGolden answers: ${pythonList(goldAnswers)}\n\nPlease directly answer with 'yes' or 'no'.`;

/** Our wording of the judge of s3's MIRAGE scripts, with the same question, criteria and form of reply. */
export const miragePrompt = ({ question, answer, goldAnswers }: JudgedAnswer): string =>
  `You are an evaluator of answers to medical questions. Decide whether the system's answer is correct.

Question:
${question}

System's answer:
${answer}

Gold answers:
${goldAnswers.map((gold) => `- ${gold}`).join('\n')}

The system's answer is correct if it holds the same key information as a gold answer, has the same meaning, or is factually consistent with it. Other wording and additional correct detail do not matter.

Reply with exactly "yes" or "no".`;

const FORMS = {
  genacc: {
    prompt: ({ answer, goldAnswers }: JudgedAnswer) => genAccPrompt(answer, goldAnswers),
    /** A "yes" anywhere goes before a "no". */
    read: (reply: string): boolean | undefined =>
      reply.includes('yes') ? true : reply.includes('no') ? false : undefined,
    tries: 2,
  },
  mirage: {
    prompt: miragePrompt,
    read: (reply: string): boolean | undefined => {
      const word = reply.replace(/[\s"'.*]+/g, '');
      return word === 'yes' ? true : word === 'no' ? false : undefined;
    },
    tries: 3,
  },
} as const satisfies Record<JudgeForm, unknown>;

/** Enough for a yes or a no. */
const MAX_TOKENS = 10;

/**
 * Asks at temperature 0; a reply that is neither yes nor no is asked for again. Calls may overlap. An empty answer is judged without
 * a question: nothing is contained in it.
 */
export function createJudge(model: LanguageModel, form: JudgeForm = 'genacc'): Judge {
  const { prompt, read, tries } = FORMS[form];
  return async (judged, signal) => {
    if (judged.answer.trim() === '' || judged.goldAnswers.length === 0) return false;
    const request: GenerateRequest = {
      messages: [{ role: 'user', content: prompt(judged) }],
      ...{ maxTokens: MAX_TOKENS, temperature: 0, topP: 1 },
    };
    for (let attempt = 0; attempt < tries; attempt += 1) {
      const verdict = read((await reply(model, request, signal)).toLowerCase());
      if (verdict !== undefined) return verdict;
    }
    return null;
  };
}

async function reply(
  model: LanguageModel,
  request: GenerateRequest,
  signal: AbortSignal | undefined,
): Promise<string> {
  for await (const event of model.generate(request, signal)) if (event.type === 'done') return event.text;
  throw new AppError('BAD_RESPONSE', `The judge ${model.id} ended without a result.`, {
    fix: 'Try again; if it happens every time, choose another model.',
    recoverable: true,
  });
}
