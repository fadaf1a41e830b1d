import { describe, expect, it } from 'vitest';
import { AppError, isAbort, toEnvelope } from './errors';

describe('an error as the user is told of it', () => {
  it('keeps what an AppError says', () => {
    const error = new AppError('AUTH', 'The key is wrong.', {
      fix: 'Type it again.',
      context: { status: 401 },
    });
    expect(toEnvelope(error)).toEqual({
      code: 'AUTH',
      message: 'The key is wrong.',
      fix: 'Type it again.',
      recoverable: false,
      context: { status: 401 },
    });
    expect(toEnvelope(AppError.from(toEnvelope(error)))).toEqual(toEnvelope(error));
  });

  it('tells a dead connection in plain words, as every engine throws it', async () => {
    const words = ['Failed to fetch', 'Load failed', 'NetworkError when attempting to fetch resource.'];
    const thrown = words.map((message) => new TypeError(message));
    const here: unknown = await fetch('http://127.0.0.1:1/').catch((error: unknown) => error);
    for (const error of [...thrown, here]) {
      expect(toEnvelope(error)).toMatchObject({ code: 'NETWORK', recoverable: true });
      expect(toEnvelope(error).message).not.toMatch(/fetch/i);
    }
  });

  it('takes other mistakes for what they are', () => {
    expect(toEnvelope(new TypeError('x is undefined')).code).toBe('INTERNAL');
    expect(toEnvelope('odd')).toMatchObject({ code: 'INTERNAL', message: 'odd' });
    expect(isAbort(new DOMException('stop', 'AbortError'))).toBe(true);
  });
});
