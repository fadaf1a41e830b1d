import type { Together } from '../../state/several-corpora';

const list = (names: readonly string[]): string => names.map((name) => `“${name}”`).join(', ');

/** Words of the choice of a corpus, where it may be more than one. */
export const several = {
  option: 'several together …',
  legend: 'Searched together',
  atLeastTwo: 'Tick two or more.',
  outcome(outcome: Together): string {
    switch (outcome.kind) {
      case 'one':
        return 'One ranking over all of them.';
      case 'fused':
        return outcome.because === 'encoders'
          ? 'Embedded by different encoders, whose scores cannot be compared: the ranks of each are fused.'
          : 'Some lie elsewhere, and their scores cannot be compared: the ranks of each are fused.';
      case 'words':
        return `By words alone: ${list(outcome.without)} ${outcome.without.length === 1 ? 'has' : 'have'} no vectors.`;
      case 'refused':
        return `These cannot be searched together: ${list(outcome.words)} can be searched by words alone, ${list(outcome.dense)} cannot. The choice stays as it was.`;
    }
  },
} as const;
