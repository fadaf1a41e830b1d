import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/protocol/errors';
import { answer, chunks, refusal, said, ScriptedServer } from './testing/scripted-server';

let served: ScriptedServer;
beforeEach(async () => {
  served = await ScriptedServer.start();
});
afterEach(() => served.server.stop(0));

const chat: ScriptedServer['chat'] = (...args) => served.chat(...args);
const text: ScriptedServer['text'] = (...args) => served.text(...args);

describe('a chat completion', () => {
  it('has the answer, why it ended, and what it cost', async () => {
    const body = await answer(chat());
    expect(body).toMatchObject({
      object: 'chat.completion',
      model: 'scripted',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello.' },
          finish_reason: 'stop',
          stop_reason: null,
          logprobs: null,
        },
      ],
      usage: {
        prompt_tokens: 8,
        completion_tokens: 6,
        total_tokens: 14,
        prompt_tokens_details: { cached_tokens: 3 },
      },
    });
  });

  it('streams: the role, the pieces, the end, the usage where it was asked for', async () => {
    const events = await chunks(chat({ stream: true, stream_options: { include_usage: true } }));
    expect(events[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
    expect(said(events)).toBe('Hello.');
    expect(events.at(-2)?.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
    expect(events.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 6 } });
    expect(events[1]?.usage).toBeNull();
    const bare = await chunks(chat({ stream: true }));
    expect(bare.every((event) => !('usage' in event))).toBe(true);
  });

  it('takes text parts, developer messages, and either name of the token limit', async () => {
    const parts = [
      { type: 'text', text: 'one ' },
      { type: 'text', text: 'two' },
    ];
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: parts },
    ];
    const { choices } = await answer(chat({ messages, max_completion_tokens: 2, max_tokens: 4 }));
    expect(choices[0]).toMatchObject({ message: { content: 'He' }, finish_reason: 'length' });
    expect(String.fromCharCode(...(served.model.asked[0]?.tokens ?? []))).toBe(
      '<system>Be brief.<user>one two',
    );
  });

  it('goes on with the last message where it is told to', async () => {
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'He' },
    ];
    await answer(chat({ messages, continue_final_message: true, add_generation_prompt: false }));
    expect(String.fromCharCode(...(served.model.asked[0]?.tokens ?? []))).toBe('<user>HiHe');
    expect((await refusal(chat({ continue_final_message: true }))).param).toBe('continue_final_message');
  });

  it('may use all the room that the prompt leaves', async () => {
    await answer(chat());
    expect(served.model.asked[0]?.maxTokens).toBe(92);
  });
});

describe('a text completion', () => {
  it('stops after 16 tokens unless told otherwise', async () => {
    served.model.answer = () => 'x'.repeat(50);
    const { choices } = await answer(text());
    expect(choices[0]).toMatchObject({ text: 'x'.repeat(16), finish_reason: 'length' });
  });

  it('takes a text, token ids, several texts, and several lists of ids', async () => {
    served.model.answer = ({ tokens }) => String.fromCharCode(...(tokens ?? []));
    const texts = async (prompt: unknown): Promise<unknown[]> =>
      (await answer(text({ prompt }))).choices.map((choice) => choice.text);
    expect(await texts('ab')).toEqual(['ab']);
    expect(await texts([97, 98])).toEqual(['ab']);
    expect(await texts(['a', 'b'])).toEqual(['a', 'b']);
    expect(await texts([[97], [98, 99]])).toEqual(['a', 'bc']);
  });

  it('counts a prompt once for its several answers', async () => {
    const { choices, usage } = await answer(text({ prompt: ['abc', 'd'], n: 2 }));
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 24 });
  });
});

describe('several answers', () => {
  it('run side by side, each with a seed of its own', async () => {
    const go = served.hold();
    const events = chunks(chat({ n: 3, seed: 10, temperature: 1, stream: true }));
    await expect.poll(() => served.model.running).toBe(3);
    go();
    const all = await events;
    expect([0, 1, 2].map((i) => said(all, i))).toEqual(['Hello.', 'Hello.', 'Hello.']);
    expect(served.model.asked.map(({ seed }) => seed)).toEqual([10, 11, 12]);
  });

  it('of requests without a seed differ from request to request', async () => {
    await answer(text());
    await answer(text());
    expect(served.model.asked[0]?.seed).not.toBe(served.model.asked[1]?.seed);
  });

  it('end together when one of them fails', async () => {
    served.model.answer = ({ seed }) => (seed === 1 ? { first: '', then: new Error('odd') } : 'x'.repeat(50));
    const { status } = await refusal(text({ n: 2, seed: 0, max_tokens: 50 }));
    expect(status).toBe(500);
    expect(served.model.running).toBe(0);
  });
});

it('passes on how tokens are to be drawn, also in the words of vLLM', async () => {
  await answer(text({ temperature: 0.8, top_p: 0.9, top_k: 20, min_p: 0.1, repetition_penalty: 1.05 }));
  await answer(text({ top_k: -1 }));
  expect(served.model.asked).toMatchObject([
    { temperature: 0.8, topP: 0.9, topK: 20, minP: 0.1, repetitionPenalty: 1.05 },
    { topK: 0 },
  ]);
});

describe('stop strings', () => {
  const searching = (): void => {
    served.model.answer = () => 'I search. <search>Aar</search> More.';
  };

  it('end the answer, are left out of it, and are named', async () => {
    searching();
    const { choices } = await answer(text({ max_tokens: 80, stop: ['</answer>', '</search>'] }));
    expect(choices[0]).toMatchObject({
      text: 'I search. <search>Aar',
      finish_reason: 'stop',
      stop_reason: '</search>',
    });
  });

  it('stay in it on request, streamed or not', async () => {
    searching();
    const body = { max_tokens: 80, stop: '</search>', include_stop_str_in_output: true };
    const whole = 'I search. <search>Aar</search>';
    expect((await answer(text(body))).choices[0]?.text).toBe(whole);
    expect(said(await chunks(text({ ...body, stream: true })))).toBe(whole);
  });

  it('that only begin to appear are handed out in the end', async () => {
    served.model.answer = () => 'a </sea';
    const events = await chunks(text({ stop: ['</search>'], stream: true }));
    expect(said(events)).toBe('a </sea');
    expect(events.at(-1)?.choices[0]).toMatchObject({ finish_reason: 'stop', stop_reason: null });
  });
});

describe('log-probabilities', () => {
  it('are given for the chosen tokens, in the form of each API', async () => {
    const chosen = await answer(chat({ logprobs: true, max_tokens: 2 }));
    const entry = { token: 'H', logprob: -0.5, bytes: null, top_logprobs: [] };
    expect(chosen.choices[0]?.logprobs?.['content']).toMatchObject([entry, { token: 'e' }]);
    const legacy = await answer(text({ logprobs: 0, max_tokens: 2 }));
    expect(legacy.choices[0]?.logprobs).toEqual({
      ...{ tokens: ['H', 'e'], token_logprobs: [-0.5, -0.5] },
      ...{ top_logprobs: null, text_offset: [0, 1] },
    });
  });

  it('come with the pieces of a stream, also of those that are held back', async () => {
    served.model.answer = () => 'ab</s';
    const events = await chunks(text({ logprobs: 0, stop: ['</s>'], stream: true }));
    const tokens = events.flatMap(
      ({ choices }) => (choices[0]?.logprobs?.['tokens'] as string[] | undefined) ?? [],
    );
    expect(tokens.join('')).toBe('ab</s');
    expect(said(events)).toBe('ab</s');
  });

  it('name the likeliest token where it is known, and refuse to guess', async () => {
    const greedy = await answer(chat({ logprobs: true, top_logprobs: 1, max_tokens: 1 }));
    expect(greedy.choices[0]?.logprobs?.['content']).toMatchObject([{ top_logprobs: [{ token: 'H' }] }]);
    expect((await answer(text({ logprobs: 1, max_tokens: 1 }))).choices[0]?.logprobs).toMatchObject({
      top_logprobs: [{ H: -0.5 }],
    });
    const sampled = await answer(text({ logprobs: 1, max_tokens: 1, temperature: 1 }));
    expect(sampled.choices[0]?.logprobs).toMatchObject({ token_logprobs: [-0.5], top_logprobs: null });
    for (const body of [{ top_logprobs: 5 }, { top_logprobs: 1, temperature: 1 }]) {
      expect(await refusal(chat({ logprobs: true, ...body }))).toMatchObject({
        status: 400,
        param: 'top_logprobs',
      });
    }
    expect((await refusal(chat({ top_logprobs: 1 }))).message).toContain('needs `logprobs`');
  });

  it('may name tokens by their ids', async () => {
    const { choices } = await answer(text({ logprobs: 0, max_tokens: 1, return_tokens_as_token_ids: true }));
    expect(choices[0]?.logprobs?.['tokens']).toEqual(['token_id:72']);
  });
});

describe('what cannot be answered', () => {
  it.each([
    ['malformed JSON', '{"model": ', 'invalid_json', null],
    ['no JSON object', '"text"', 'invalid_value', null],
    ['no model', { prompt: 'x' }, 'invalid_value', 'model'],
    ['no prompt', { model: 'scripted' }, 'invalid_value', 'prompt'],
    ['an empty list of prompts', { model: 'scripted', prompt: [] }, 'invalid_value', 'prompt'],
    [
      'a negative temperature',
      { model: 'scripted', prompt: 'x', temperature: -1 },
      'invalid_value',
      'temperature',
    ],
    ['top_p of 0', { model: 'scripted', prompt: 'x', top_p: 0 }, 'invalid_value', 'top_p'],
    ['no tokens', { model: 'scripted', prompt: 'x', max_tokens: 0 }, 'invalid_value', 'max_tokens'],
    ['an empty stop string', { model: 'scripted', prompt: 'x', stop: '' }, 'invalid_value', 'stop'],
    ['too many answers', { model: 'scripted', prompt: 'x', n: 65 }, 'invalid_value', 'n'],
    ['too many prompts', { model: 'scripted', prompt: Array(33).fill('x'), n: 2 }, null, 'prompt'],
    ['an empty prompt', { model: 'scripted', prompt: '' }, null, 'prompt'],
    ['echo', { model: 'scripted', prompt: 'x', echo: true }, 'unsupported_parameter', 'echo'],
    [
      'penalties',
      { model: 'scripted', prompt: 'x', presence_penalty: 1 },
      'unsupported_parameter',
      'presence_penalty',
    ],
    ['min_p above 1', { model: 'scripted', prompt: 'x', min_p: 2 }, 'invalid_value', 'min_p'],
  ])('%s is a 400 that names the field', async (_what, body, code, param) => {
    const error = await refusal(served.post('/v1/completions', body));
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', code, param });
    expect(served.model.asked).toEqual([]);
  });

  it('tools, images and JSON modes are refused; the same fields asking for nothing are not', async () => {
    expect((await refusal(chat({ tools: [{ type: 'function' }] }))).param).toBe('tools');
    const image = { role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] };
    expect((await refusal(chat({ messages: [image] }))).param).toBe('messages.0.content');
    expect((await refusal(chat({ response_format: { type: 'json_object' } }))).param).toBe('response_format');
    const nothing = {
      tools: [],
      response_format: { type: 'text' },
      presence_penalty: 0,
      top_k: -1,
      logit_bias: {},
    };
    await answer(chat({ ...nothing, user: 'me', stop: null, seed: null, max_tokens: null }));
  });

  it('an unknown model is a 404', async () => {
    expect(await refusal(chat({ model: 'gpt-5' }))).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(await refusal(served.get('/v1/models/gpt-5'))).toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });

  it('a prompt that does not fit is refused, not cut', async () => {
    const error = await refusal(text({ prompt: 'x'.repeat(101) }));
    expect(error).toMatchObject({ status: 400, code: 'context_length_exceeded' });
    expect(error.message).toContain('100');
    const both = await refusal(chat({ max_tokens: 93 }));
    expect(both).toMatchObject({ code: 'context_length_exceeded', param: 'max_tokens' });
    expect(served.model.asked).toEqual([]);
  });

  it('a body that is too long is refused before it is read', async () => {
    const error = await refusal(text({ prompt: 'x'.repeat(9 * 2 ** 20) }));
    expect(error.status).toBe(413);
    await answer(chat());
  });

  it('what the engine refuses keeps its reason, what it did not foresee stays here', async () => {
    const refused = new AppError('BAD_INPUT', '7 is not a token of this model.', {
      fix: 'Use its tokenizer.',
    });
    served.model.answer = () => ({ first: '', then: refused });
    expect(await refusal(chat())).toMatchObject({
      status: 400,
      message: '7 is not a token of this model. Use its tokenizer.',
    });
    served.model.answer = () => ({ first: '', then: new Error('secret path /home/me') });
    const error = await refusal(chat());
    expect(error.status).toBe(500);
    expect(error.message).not.toContain('secret');
    expect(served.failures).toHaveLength(1);
  });

  it('a stream that breaks ends with the error, and without [DONE]', async () => {
    const lost = new AppError('DEVICE_LOST', 'The GPU is gone.', { fix: '', recoverable: true });
    served.model.answer = () => ({ first: 'Hel', then: lost });
    const response = await chat({ stream: true });
    const body = await response.text();
    expect(response.status).toBe(200);
    expect(body).toContain('Hel'.slice(0, 1));
    expect(body.trimEnd().split('\n\n').at(-1)).toContain('"code":"device_lost"');
    expect(body).not.toContain('[DONE]');
  });

  it('a stream that fails before it begins has the status of the failure', async () => {
    served.model.answer = () => ({ first: '', then: new AppError('OUT_OF_MEMORY', 'No room.', {}) });
    expect(await refusal(chat({ stream: true }))).toMatchObject({ status: 503, code: 'out_of_memory' });
  });
});
