import { expect, it } from 'vitest';
import { progressNotes } from './progress';

it('tells rate and time left, at most every two seconds', () => {
  const notes: string[] = [];
  let time = 0;
  const onProgress = progressNotes({ note: (line) => notes.push(line) }, () => time);
  for (let done = 0; done <= 1000; done += 100) {
    onProgress({ done, total: 1000, unit: 'passages', label: 'Embedding' });
    time += 500;
  }
  expect(notes).toEqual([
    'Embedding: 400/1000 passages, 200/s, 3 s left',
    'Embedding: 800/1000 passages, 200/s, 1 s left',
  ]);
});

it('names no unit where there is none, and slow rates by their first digits', () => {
  const notes: string[] = [];
  let time = 0;
  const onProgress = progressNotes({ note: (line) => notes.push(line) }, () => time);
  for (let done = 0; done <= 1; done += 1) {
    onProgress({ done, total: 384, label: 'Step 3, rollouts' });
    time += 8000;
  }
  expect(notes).toEqual(['Step 3, rollouts: 1/384, 0.13/s, 3064 s left']);
});
