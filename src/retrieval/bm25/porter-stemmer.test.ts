import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { porterStem } from './porter-stemmer';

/** The examples of the paper, step by step; where a later step goes on, the final stem stands here. */
const PAPER: Record<string, string> = {
  caresses: 'caress',
  ponies: 'poni',
  ties: 'ti',
  caress: 'caress',
  cats: 'cat',
  feed: 'feed',
  agreed: 'agre',
  plastered: 'plaster',
  bled: 'bled',
  motoring: 'motor',
  sing: 'sing',
  conflated: 'conflat',
  troubled: 'troubl',
  sized: 'size',
  hopping: 'hop',
  tanned: 'tan',
  falling: 'fall',
  hissing: 'hiss',
  fizzed: 'fizz',
  failing: 'fail',
  filing: 'file',
  happy: 'happi',
  sky: 'sky',
  relational: 'relat',
  conditional: 'condit',
  rational: 'ration',
  valenci: 'valenc',
  hesitanci: 'hesit',
  digitizer: 'digit',
  conformabli: 'conform',
  radicalli: 'radic',
  differentli: 'differ',
  vileli: 'vile',
  analogousli: 'analog',
  vietnamization: 'vietnam',
  predication: 'predic',
  operator: 'oper',
  feudalism: 'feudal',
  decisiveness: 'decis',
  hopefulness: 'hope',
  callousness: 'callous',
  formaliti: 'formal',
  sensitiviti: 'sensit',
  sensibiliti: 'sensibl',
  triplicate: 'triplic',
  formative: 'form',
  formalize: 'formal',
  electriciti: 'electr',
  electrical: 'electr',
  hopeful: 'hope',
  goodness: 'good',
  revival: 'reviv',
  allowance: 'allow',
  inference: 'infer',
  airliner: 'airlin',
  gyroscopic: 'gyroscop',
  adjustable: 'adjust',
  defensible: 'defens',
  irritant: 'irrit',
  replacement: 'replac',
  adjustment: 'adjust',
  dependent: 'depend',
  adoption: 'adopt',
  homologou: 'homolog',
  communism: 'commun',
  activate: 'activ',
  angulariti: 'angular',
  homologous: 'homolog',
  effective: 'effect',
  bowdlerize: 'bowdler',
  probate: 'probat',
  rate: 'rate',
  cease: 'ceas',
  controll: 'control',
  roll: 'roll',
  generalizations: 'gener',
  oscillators: 'oscil',
};

describe('the Porter stemmer', () => {
  it.each(Object.entries(PAPER))('stems %s to %s as the paper does', (word, stem) => {
    expect(porterStem(word)).toBe(stem);
  });

  it('carries the two changes of the later programs, bli → ble and logi → log', () => {
    expect(porterStem('archaeology')).toBe('archaeolog');
    expect(porterStem('possibly')).toBe('possibl');
  });

  it('treats ies and eed as Lucene does, whose suffixes may be the whole word', () => {
    expect(porterStem('ies')).toBe('i');
    expect(porterStem('eed')).toBe('eed');
  });

  it('leaves words of one and two letters alone', () => {
    expect(['is', 's', 'as', ''].map(porterStem)).toEqual(['is', 's', 'as', '']);
  });

  it('never lengthens a word and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'abcdeilmnostuyzé7') }), (word) => {
        expect(porterStem(word).length).toBeLessThanOrEqual(word.length + 1);
      }),
    );
  });
});
