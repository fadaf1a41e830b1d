import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseServerSentEvents, type ServerSentEvent } from './sse';

async function* chop(bytes: Uint8Array, sizes: number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes.length > 0 ? (sizes[i % sizes.length] ?? 1) : bytes.length;
    yield bytes.subarray(at, at + size);
    at += size;
    await Promise.resolve();
  }
}

async function parse(text: string, sizes: number[] = []): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of parseServerSentEvents(chop(new TextEncoder().encode(text), sizes)))
    events.push(event);
  return events;
}

const message = (data: string): ServerSentEvent => ({ event: 'message', data });

describe('parseServerSentEvents', () => {
  it('reads data, joins several data lines and keeps the event name', async () => {
    expect(await parse('data: a\n\nevent: error\ndata: b\ndata:c\n\n')).toEqual([
      message('a'),
      { event: 'error', data: 'b\nc' },
    ]);
  });

  it('skips comments, ids, retry times and events without data', async () => {
    expect(await parse(': hello\n\nid: 7\nretry: 100\n\nevent: ping\n\ndata: x\n\n')).toEqual([message('x')]);
  });

  it('takes off one space after the colon and no more', async () => {
    expect(await parse('data:  x\n\ndata\n\n')).toEqual([message(' x'), message('')]);
  });

  it('delivers the last event although its empty line is missing', async () => {
    expect(await parse('data: a\n\ndata: b\n')).toEqual([message('a'), message('b')]);
    expect(await parse('data: a\n\ndata: b')).toEqual([message('a'), message('b')]);
  });

  it('gives the same events wherever the bytes are cut and whatever ends the lines', async () => {
    const payload = fc
      .string({ unit: 'grapheme', maxLength: 12 })
      .map((text) => text.replace(/[\r\n]/g, ' '));
    const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
    await fc.assert(
      fc.asyncProperty(
        fc.array(payload, { maxLength: 8 }),
        lineEnd,
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async (payloads, end, sizes, comments) => {
          const comment = comments ? `: note${end}` : '';
          const text = payloads.map((data) => `${comment}data: ${data}${end}${end}`).join('');
          expect(await parse(text, sizes)).toEqual(payloads.map(message));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('refuses an event that never ends', async () => {
    const flood = (async function* () {
      const chunk = new Uint8Array(1 << 20).fill(97);
      for (;;) {
        await Promise.resolve();
        yield chunk;
      }
    })();
    const read = async (): Promise<void> => {
      for await (const event of parseServerSentEvents(flood)) expect(event).toBeUndefined();
    };
    await expect(read()).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  });
});
