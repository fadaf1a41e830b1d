import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ScriptedModel } from '../agent/testing/scripted';
import { genAcc } from './gen-acc';
import { createJudge, genAccPrompt, type JudgeForm } from './judge';
import { pythonList, pythonRepr } from './python-repr';

const judged = { question: 'Who built it?', answer: 'The countess of Lovelace', goldAnswers: ['Ada'] };

function judge(replies: readonly string[], form?: JudgeForm) {
  const model = new ScriptedModel(replies);
  return { model, judge: createJudge(model, form) };
}

describe('the judge of GenAcc', () => {
  it('is asked with s3’s very words', async () => {
    const { model, judge: ask } = judge(['yes']);
    await ask({ ...judged, goldAnswers: ["O'Neill", 'Ada "the" first'] });
    expect(model.requests[0]).toEqual({
      messages: [
        {
          role: 'user',
          content:
            'Please check if any of the golden answers is contained in the following response: The countess of Lovelace\n\n' +
            `Golden answers: ["O'Neill", 'Ada "the" first']\n\nPlease directly answer with 'yes' or 'no'.`,
        },
      ],
      ...{ maxTokens: 10, temperature: 0, topP: 1 },
    });
  });

  it.each([
    ['Yes.', true],
    ["'yes'", true],
    ['No, it is not yes', true],
    ['NO', false],
    ['I do not know', false],
  ])('reads %j as %s', async (reply, verdict) => {
    expect(await judge([reply]).judge(judged)).toBe(verdict);
  });

  it('is asked once more after a reply that says neither, and then counts as silent', async () => {
    const second = judge(['Hm.', 'yes']);
    expect(await second.judge(judged)).toBe(true);
    expect(second.model.requests).toHaveLength(2);
    const never = judge(['Hm.']);
    expect(await never.judge(judged)).toBeNull();
    expect(never.model.requests).toHaveLength(2);
  });

  it('is not asked about an empty answer', async () => {
    const { model, judge: ask } = judge(['yes']);
    expect(await ask({ ...judged, answer: ' \n' })).toBe(false);
    expect(model.requests).toEqual([]);
  });

  it('passes on that it was stopped', async () => {
    await expect(judge(['yes']).judge(judged, AbortSignal.abort())).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});

describe('the judge of MIRAGE', () => {
  it('sees the question, and its gold answers as a list', async () => {
    const { model, judge: ask } = judge(['yes'], 'mirage');
    await ask({ ...judged, goldAnswers: ['A: one', 'B: two'] });
    const content = model.requests[0]?.messages?.[0]?.content ?? '';
    expect(content).toContain('Question:\nWho built it?\n');
    expect(content).toContain('- A: one\n- B: two\n');
  });

  it('must reply with one word, and has three tries', async () => {
    expect(await judge(['"Yes."'], 'mirage').judge(judged)).toBe(true);
    const vague = judge(['yes and no'], 'mirage');
    expect(await vague.judge(judged)).toBeNull();
    expect(vague.model.requests).toHaveLength(3);
  });
});

describe('GenAcc', () => {
  it('asks the judge only where no gold answer stands in the answer', async () => {
    const { model, judge: ask } = judge(['yes']);
    expect(await genAcc({ ...judged, answer: 'It was Ada.' }, ask)).toEqual({ accuracy: 1, by: 'span' });
    expect(model.requests).toEqual([]);
    expect(await genAcc(judged, ask)).toEqual({ accuracy: 1, by: 'judge' });
    expect(await genAcc(judged, judge(['no']).judge)).toEqual({ accuracy: 0, by: 'judge' });
    expect(await genAcc(judged, judge(['Hm.']).judge)).toEqual({ accuracy: 0, by: 'silent' });
  });
});

describe('Python’s repr', () => {
  // From CPython 3.11.
  it.each([
    ['plain', `'plain'`],
    ["it's", `"it's"`],
    [`'"`, `'\\'"'`],
    ['a"b', `'a"b'`],
    ['tab\tline\nend\r\\', `'tab\\tline\\nend\\r\\\\'`],
    ['é 中 😀', `'é 中 😀'`],
    ['\u00a0\u200b\u2028\u0007\u{e0001}', `'\\xa0\\u200b\\u2028\\x07\\U000e0001'`],
    ['', `''`],
  ])('writes %j as %s', (text, wanted) => expect(pythonRepr(text)).toBe(wanted));

  it('of a list puts commas between', () => {
    expect(pythonList(['a', 'b'])).toBe(`['a', 'b']`);
    expect(genAccPrompt('x', [])).toContain('Golden answers: []\n');
  });

  it('of any text stays on one line', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), (text) => !/[\n\r\t]/.test(pythonRepr(text)));
    fc.assert(property, { numRuns: 30 });
  });
});
