/**
 * Our demonstrations for IRCoT, with invented facts, so that none can be in a test set. The original has twenty per data set;
 * they can be given instead of these.
 */
import type { Demonstration } from './ircot-prompt';

export const IRCOT_DEMONSTRATIONS: readonly Demonstration[] = [
  {
    paragraphs: [
      {
        title: 'The Glass Orchard',
        text: 'The Glass Orchard is a novel by Ilse Varga, published in 1961. It tells of a family of glaziers in a valley town.',
      },
      {
        title: 'Ilse Varga',
        text: 'Ilse Varga was a novelist born in Tarnhof. She studied botany before she wrote her first book.',
      },
      {
        title: 'Glass Bridge',
        text: 'The Glass Bridge is a footbridge over the River Senn. It was opened in 1984.',
      },
    ],
    question: 'In which town was the author of The Glass Orchard born?',
    thoughts:
      'The Glass Orchard was written by Ilse Varga. Ilse Varga was born in Tarnhof. So the answer is: Tarnhof.',
    answer: 'Tarnhof',
  },
  {
    paragraphs: [
      {
        title: 'Mount Keld',
        text: 'Mount Keld is a mountain in the Orrin Range. It is 2,310 metres high and was first climbed in 1888.',
      },
      {
        title: 'Mount Sarro',
        text: 'Mount Sarro is the second mountain of the Orrin Range, with a height of 2,145 metres.',
      },
    ],
    question: 'Which mountain is higher, Mount Keld or Mount Sarro?',
    thoughts:
      'Mount Keld is 2,310 metres high. Mount Sarro is 2,145 metres high. Thus, Mount Keld is the higher one. So the answer is: Mount Keld.',
    answer: 'Mount Keld',
  },
  {
    paragraphs: [
      {
        title: 'Northern Ferry Line',
        text: 'The Northern Ferry Line was founded in 1907 by Edda Lund. Its first ship was the Petrel.',
      },
      {
        title: 'Edda Lund',
        text: 'Edda Lund was a shipowner. After her death in 1931 her son Mats Lund led the line.',
      },
      { title: 'Petrel', text: 'Petrels are birds of the open sea. They breed on islands.' },
    ],
    question: 'Who led the company that owned the ship Petrel after the death of its founder?',
    thoughts:
      'The Petrel was the first ship of the Northern Ferry Line. The Northern Ferry Line was founded by Edda Lund. After the death of Edda Lund her son Mats Lund led the line. So the answer is: Mats Lund.',
    answer: 'Mats Lund',
  },
];
