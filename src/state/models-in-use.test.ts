import { describe, expect, it } from 'vitest';
import { AppError } from '../protocol/errors';
import { ModelsInUse } from './models-in-use';

const noRoom = () =>
  Promise.reject(new AppError('OUT_OF_MEMORY', 'There is no room.', { fix: 'Take a smaller model.' }));

describe('models in use', () => {
  it('are kept for the work that has them and from any other, until it has ended', () => {
    const models = new ModelsInUse();
    models.hold('evaluation', ['a']);
    models.hold('evaluation', ['b']);
    expect(models.keptFor('question', ['c', 'a'])).toEqual(['c', 'a', 'b']);
    expect(models.keptFor('evaluation', ['a'])).toEqual(['a']);
    models.release('evaluation');
    expect(models.keptFor('question', ['c'])).toEqual(['c']);
  });

  it('are named where there is no room beside them, and only then', async () => {
    const models = new ModelsInUse();
    await expect(models.load('question', noRoom)).rejects.toMatchObject({ message: 'There is no room.' });
    models.hold('evaluation', ['a']);
    await expect(models.load('evaluation', noRoom)).rejects.toMatchObject({ message: 'There is no room.' });
    await expect(models.load('question', noRoom)).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: 'There is no room. An evaluation is under way and needs its models.',
      fix: 'Wait until it has ended, or stop it. Take a smaller model.',
    });
    const gone = () => Promise.reject(new AppError('NETWORK', 'Gone.', { fix: '' }));
    await expect(models.load('question', gone)).rejects.toMatchObject({ message: 'Gone.' });
    await expect(models.load('question', () => Promise.resolve(3))).resolves.toBe(3);
  });
});
