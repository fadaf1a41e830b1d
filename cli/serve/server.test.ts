import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer, refusal, ScriptedServer } from './testing/scripted-server';

let served: ScriptedServer;
beforeEach(async () => {
  served = await ScriptedServer.start();
});
afterEach(() => served.server.stop(0));

describe('retrieve', () => {
  it("answers as s3's server does: one list a query, rows with contents, scores on request", async () => {
    const request = { queries: ['Aar', 'Reuss'], topk: 2, return_scores: true };
    const body: unknown = await (await served.post('/retrieve', request)).json();
    const document = {
      id: '7',
      title: 'Aar',
      text: 'A river.',
      contents: '"Aar"\nA river.',
      source: 'atlas',
    };
    const list = [
      { document, score: 1 },
      { document, score: 0.5 },
    ];
    expect(body).toEqual({ result: [list, list] });
  });

  it('leaves the scores out by default, takes the number of hits from the server, and may find nothing', async () => {
    const { result } = (await (await served.post('/retrieve', { queries: ['Aar', ''] })).json()) as {
      result: Record<string, unknown>[][];
    };
    expect(result.map((hits) => hits.length)).toEqual([12, 0]);
    expect(result[0]?.[0]).toMatchObject({ id: '7', contents: '"Aar"\nA river.' });
    expect(await (await served.post('/retrieve', { queries: [] })).json()).toEqual({ result: [] });
  });

  it.each([
    [{ queries: 'Aar' }, 'queries'],
    [{ queries: ['a'], topk: 0 }, 'topk'],
    [{ queries: ['a'], topk: 1e9 }, 'topk'],
    [{ queries: Array(600).fill('a') }, 'queries'],
  ])('refuses %j', async (body, param) => {
    expect(await refusal(served.post('/retrieve', body))).toMatchObject({ status: 400, param });
  });
});

describe('the routes', () => {
  it('list the model, and tell of the server', async () => {
    const list: unknown = await (await served.get('/v1/models')).json();
    expect(list).toMatchObject({
      object: 'list',
      data: [{ id: 'scripted', object: 'model', max_model_len: 100 }],
    });
    expect(await (await served.get('/v1/models/scripted')).json()).toMatchObject({ id: 'scripted' });
    expect(await (await served.get('/health')).json()).toMatchObject({
      status: 'ok',
      model: 'scripted',
      corpus: 'atlas',
    });
  });

  it('that do not exist are 404, the wrong method is 405', async () => {
    expect(await refusal(served.get('/v1/embeddings'))).toMatchObject({ status: 404, code: 'unknown_url' });
    const response = await served.get('/v1/completions');
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    await served.restart({ model: undefined });
    expect(await refusal(served.chat())).toMatchObject({ status: 404, code: 'unknown_url' });
  });

  it('are logged without what was asked', async () => {
    await answer(served.chat({ messages: [{ role: 'user', content: 'my secret' }] }));
    await served.get('/health?key=secret');
    await expect.poll(() => served.lines.length).toBe(2);
    expect(served.lines.join('\n')).toMatch(
      /^POST \/v1\/chat\/completions 200 \d+ ms\nGET \/health 200 \d+ ms$/,
    );
  });
});
