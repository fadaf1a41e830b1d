import { hash32, type Random } from './random';
import type { Kind, Split } from './types';

const list = (text: string): readonly string[] => text.split(/\s+/).filter(Boolean);

// About two hundred syllables, shared by all splits: an unseen name is made of known pieces.
const ONSETS = list(`al am an ar as bal bar bel ber bor bran bren cal car cas cer cor cul dal dar del dor dun
  el em er es fal fen fer fin gal gar gil gor gran hal har hel hol il im is jan jor kal kel ker kor lan lar
  lin lor lun mal mar mel mer mor nal nar nel nor ol or os pal pel per quin ral ran rel ros sal sar sel
  sor tal tam tar tes tor tul ul ur val var ven vor wal wen wil yar yel zan zel`);
const MIDDLES = list(`a e i o u ba be bi da de di do ga ge go la le li lo ma me mi mo na ne ni no ra re ri ro
  sa se si ta te ti to va ve vi`);
const GIVEN_ENDS =
  list(`bin da dell dis dra dric fa la leth lia lin lis lo ma mir na nan nia nor ra ren ric rin ris
  sa sel sha sie tha tia tin tis va vin wen wyn`);
const FAMILY_ENDS =
  list(`bane beck bright by croft dane den ford gate gran hart holm keld kin land lock low man mond
  mont more ney penn quist rick rock shaw sley son stead strom thorn ton vale ven ward way well wick worth yard`);
const PLACE_ENDS =
  list(`ba by dale dara den dine dor fell gan garth gard ham lan lath lor lune mar mere mond mora nar
  nath nesse nore ra rath rie rim ron rune sa sey stow tan ter thal thwaite tor va var vane vel vik`);

// Roots that would read as something else.
const REFUSED =
  /arse|cum|damn|dick|fag|hell|jap|nig|pal?estin|semen|slut|tit|turd|wank|anal|anus|rape|(.)\1\1|^(\w{3})\2/;

const SPLIT_OF_BUCKET: readonly Split[] = [
  'train',
  'train',
  'train',
  'train',
  'train',
  'train',
  'dev',
  'dev',
  'test',
  'test',
];

/**
 * The split that an invented word belongs to, by its hash alone: worlds of different splits share no name, whatever
 * their seeds.
 */
export function splitOfName(root: string): Split {
  return SPLIT_OF_BUCKET[hash32(root.toLowerCase()) % 10] ?? 'train';
}

export type RootKind = 'given' | 'family' | 'place';
const ENDS: Record<RootKind, readonly string[]> = {
  given: GIVEN_ENDS,
  family: FAMILY_ENDS,
  place: PLACE_ENDS,
};

/** Draws invented words of one split, none twice and none that is an ordinary word of the prose. */
export class Namer {
  private readonly used = new Set<string>();

  constructor(
    private readonly random: Random,
    private readonly split: Split,
    private readonly ordinary: ReadonlySet<string>,
  ) {}

  root(kind: RootKind): string {
    for (;;) {
      const middle = this.random.chance(kind === 'family' ? 0.25 : 0.4) ? this.random.pick(MIDDLES) : '';
      const root = this.random.pick(ONSETS) + middle + this.random.pick(ENDS[kind]);
      if (root.length < 5 || root.length > 11 || this.used.has(root) || REFUSED.test(root)) continue;
      if (splitOfName(root) !== this.split || this.ordinary.has(root)) continue;
      this.used.add(root);
      return root.charAt(0).toUpperCase() + root.slice(1);
    }
  }
}

/** Title patterns. A small "the" at the start belongs to the sentence, not to the title. `{X}` is an invented word. */
export const TITLES: Record<Exclude<Kind, 'person'>, readonly string[]> = {
  town: ['{X}', '{X}', '{X}', '{X} Ford', '{X} Cross', '{X} Haven', '{X} Wells', 'Port {X}', 'Upper {X}'],
  river: ['the River {X}'],
  lake: ['Lake {X}', '{X} Water', '{X} Mere'],
  mountain: ['Mount {X}', 'Mount {X}', '{X} Peak', '{X} Fell', 'the {X} Horn'],
  guild: ['the {X} {~ware} Guild'],
  book: [
    'The {~emblems} of {X}',
    'The {~shade} {~emblem} of {X}',
    'Letters from {X}',
    'A {~emblem} for {X}',
    '{X} and the {~emblem}',
    'The Road to {X}',
  ],
  ship: ['the {~mood} {X}', 'the {~mood} {X}', 'the {X} Star', 'the {X} Rose'],
  bridge: ['the {X} Bridge', 'the {X} Bridge', 'the {X} Crossing', 'the {X} Arches'],
  festival: [
    'the {X} Fair',
    'the Feast of {X}',
    'the {X} Lantern Night',
    'the {X} Regatta',
    'the {X} Harvest Day',
  ],
  lighthouse: ['the {X} Light', 'the {X} Lighthouse', 'the {X} Head Light', 'the {X} Beacon'],
  school: ['the {X} School', 'the {X} Academy', 'the {X} College'],
  theatre: ['the {X} Theatre', 'the {X} Playhouse', 'the {X} Stage'],
  museum: ['the {X} Museum', 'the {X} Gallery', 'the {X} Collection'],
  garden: ['the {X} Garden', 'the {X} Park', 'the {X} Orchard'],
  painting: [
    'Evening at {X}',
    'Winter in {X}',
    'Storm over {X}',
    'The {X} Ferry',
    'Boats near {X}',
    'The Kitchen at {X}',
  ],
  opera: ['The {~role} of {X}', 'The {~mood} {~role} of {X}', '{X} in Love', 'The Return of {X}'],
  inn: ['the {X} Inn', 'the {X} Arms', 'the {X} Tavern'],
  bell: ['Old {X}', 'Great {X}', 'the {X} Bell'],
  cheese: ['{X} Blue', '{X} Round', '{X} Gold'],
};
