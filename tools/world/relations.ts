import type { Kind, Relation } from './types';

/** What can be asked about each kind. The keys are the slots of the prose. */
export const RELATIONS: Record<Kind, readonly Relation[]> = {
  person: [
    {
      key: 'birthplace',
      target: 'town',
      ask: [
        'Where was {x} born?',
        'In which town was {x} born?',
        'What is the birthplace of {x}?',
        'Which town was {x} born in?',
      ],
      phrase: ['the birthplace of {x}', 'the town where {x} was born', 'the town in which {x} was born'],
      hint: ['birthplace', 'born', 'place of birth', 'native town'],
    },
    {
      key: 'born',
      ask: ['When was {x} born?', 'In which year was {x} born?', 'What is the birth year of {x}?'],
      hint: ['birth year', 'born year', 'born'],
    },
    {
      key: 'trade',
      ask: ['What was the trade of {x}?', 'What did {x} do for a living?', 'What was the profession of {x}?'],
      hint: ['trade', 'profession', 'occupation'],
    },
    {
      key: 'mentor',
      target: 'person',
      ask: ['Who was the mentor of {x}?', 'Who taught {x}?', 'Under whom did {x} study?'],
      phrase: ['the mentor of {x}', 'the teacher of {x}', 'the person who taught {x}'],
      hint: ['mentor', 'teacher', 'taught by', 'studied under'],
    },
    {
      key: 'spouse',
      target: 'person',
      ask: ['Whom did {x} marry?', 'Who was the spouse of {x}?', 'To whom was {x} married?'],
      phrase: ['the spouse of {x}', 'the person whom {x} married'],
      hint: ['spouse', 'married', 'marriage'],
    },
    {
      key: 'school',
      target: 'school',
      ask: ['Which school did {x} attend?', 'Where was {x} educated?', 'At which school was {x} a pupil?'],
      phrase: ['the school that {x} attended', 'the school of {x}', 'the school where {x} was a pupil'],
      hint: ['school', 'educated', 'school attended'],
    },
    {
      key: 'home',
      target: 'town',
      ask: ['Where did {x} settle?', 'In which town did {x} settle in later life?'],
      phrase: ['the town where {x} settled', 'the later home of {x}'],
      hint: ['settled', 'later home', 'home'],
    },
  ],
  town: [
    {
      key: 'river',
      target: 'river',
      ask: ['On which river does {x} lie?', 'Which river flows through {x}?', 'What is the river of {x}?'],
      phrase: ['the river that flows through {x}', 'the river of {x}', 'the river on which {x} lies'],
      hint: ['river', 'lies on river'],
    },
    {
      key: 'founded',
      ask: ['When was {x} founded?', 'In which year was {x} founded?'],
      hint: ['founded', 'founding year', 'year founded'],
    },
    {
      key: 'product',
      ask: ['What is {x} known for?', 'For which product is {x} famous?'],
      hint: ['known for', 'product', 'famous product'],
    },
    {
      key: 'hall',
      target: 'person',
      ask: ['Who designed the market hall of {x}?', 'Who drew the plans for the market hall of {x}?'],
      phrase: ['the designer of the market hall of {x}', 'the person who designed the market hall of {x}'],
      hint: ['market hall', 'market hall designer'],
    },
  ],
  river: [
    {
      key: 'source',
      target: 'mountain',
      ask: [
        'Where does {x} rise?',
        'On which mountain does {x} have its source?',
        'What is the source of {x}?',
      ],
      phrase: [
        'the mountain on which {x} rises',
        'the mountain where {x} has its source',
        'the source of {x}',
      ],
      hint: ['source', 'rises', 'source mountain'],
    },
    {
      key: 'mouth',
      target: 'lake',
      ask: ['Into which lake does {x} flow?', 'Where does {x} end?', 'Which lake does {x} empty into?'],
      phrase: ['the lake into which {x} flows', 'the lake that {x} flows into', 'the lake fed by {x}'],
      hint: ['flows into', 'mouth', 'lake'],
    },
    {
      key: 'length',
      ask: ['How long is {x}?', 'What is the length of {x}?'],
      hint: ['length', 'kilometres', 'how long'],
    },
  ],
  lake: [
    {
      key: 'depth',
      ask: ['How deep is {x}?', 'What is the depth of {x}?'],
      hint: ['depth', 'metres deep', 'how deep'],
    },
    {
      key: 'mapper',
      target: 'person',
      ask: ['Who first mapped {x}?', 'Who drew the first map of {x}?'],
      phrase: ['the person who first mapped {x}', 'the maker of the first map of {x}'],
      hint: ['first map', 'mapped by', 'first mapped'],
    },
    {
      key: 'mapped',
      ask: ['When was {x} first mapped?', 'In which year was {x} first mapped?'],
      hint: ['first mapped', 'year mapped'],
    },
  ],
  mountain: [
    {
      key: 'height',
      ask: ['How high is {x}?', 'What is the height of {x}?'],
      hint: ['height', 'metres high', 'how high'],
    },
    {
      key: 'climber',
      target: 'person',
      ask: ['Who first climbed {x}?', 'Who was the first on the summit of {x}?'],
      phrase: ['the person who first climbed {x}', 'the first climber of {x}'],
      hint: ['first climbed', 'climber', 'first ascent'],
    },
    {
      key: 'climbed',
      ask: ['When was {x} first climbed?', 'In which year was {x} first climbed?'],
      hint: ['first climbed', 'ascent year'],
    },
  ],
  guild: [
    founder(),
    { ...place('seat', 'has its seat', 'does {x} have its seat'), hint: ['seat', 'seat town', 'hall'] },
    founded(),
    {
      key: 'emblem',
      ask: ['What is the emblem of {x}?', 'Which emblem does {x} have?'],
      hint: ['emblem', 'flag'],
    },
  ],
  book: [
    {
      key: 'author',
      target: 'person',
      ask: ['Who wrote {x}?', 'Who is the author of {x}?'],
      phrase: ['the author of {x}', 'the writer of {x}', 'the person who wrote {x}'],
      hint: ['author', 'written by'],
    },
    {
      ...place('printed', 'was first printed', 'was {x} first printed'),
      phrase: ['the town where {x} was first printed', 'the town that first printed {x}'],
      hint: ['printed', 'first printed'],
    },
    {
      key: 'year',
      ask: ['When was {x} published?', 'In which year was {x} published?'],
      hint: ['published', 'publication year'],
    },
    {
      key: 'subject',
      ask: ['What is {x} about?', 'What is the subject of {x}?'],
      hint: ['subject', 'about'],
    },
  ],
  ship: [
    {
      key: 'builder',
      target: 'person',
      ask: ['Who built {x}?', 'Who was the builder of {x}?'],
      phrase: ['the builder of {x}', 'the person who built {x}'],
      hint: ['builder', 'built by'],
    },
    {
      key: 'port',
      target: 'town',
      ask: ['What is the home port of {x}?', 'Which town is the home port of {x}?'],
      phrase: ['the home port of {x}', 'the town that is the home port of {x}'],
      hint: ['home port', 'port'],
    },
    {
      key: 'launched',
      ask: ['When was {x} launched?', 'In which year was {x} launched?'],
      hint: ['launched', 'launch year'],
    },
    {
      key: 'timber',
      ask: ['Of which wood was {x} built?', 'What wood is the hull of {x} made of?'],
      hint: ['wood', 'hull', 'built of'],
    },
  ],
  bridge: [
    designer(),
    {
      key: 'river',
      target: 'river',
      ask: ['Which river does {x} cross?', 'What river flows under {x}?'],
      phrase: ['the river that {x} crosses', 'the river under {x}', 'the river spanned by {x}'],
      hint: ['river', 'crosses river', 'spans'],
    },
    opened(),
    {
      key: 'material',
      ask: ['What is {x} made of?', 'Of which material is {x} built?'],
      hint: ['material', 'made of'],
    },
  ],
  festival: [
    { ...place('town', 'is held', 'is {x} held'), hint: ['town', 'held in'] },
    {
      key: 'month',
      ask: ['In which month is {x} held?', 'What is the month of {x}?'],
      hint: ['month', 'held month'],
    },
    {
      key: 'founder',
      target: 'person',
      ask: ['Who began {x}?', 'Who started {x}?'],
      phrase: ['the person who began {x}', 'the person who started {x}'],
      hint: ['begun by', 'founder', 'began'],
    },
    {
      key: 'since',
      ask: ['When was {x} first held?', 'Since which year has {x} been held?'],
      hint: ['first held', 'first year'],
    },
  ],
  lighthouse: [
    {
      key: 'keeper',
      target: 'person',
      ask: ['Who was the first keeper of {x}?', 'Who first kept {x}?'],
      phrase: ['the first keeper of {x}', 'the person who first kept {x}'],
      hint: ['first keeper', 'keeper'],
    },
    {
      key: 'town',
      target: 'town',
      ask: ['Near which town does {x} stand?', 'What is the nearest town to {x}?'],
      phrase: ['the town near {x}', 'the nearest town to {x}'],
      hint: ['nearest town', 'near town', 'town'],
    },
    {
      key: 'lit',
      ask: ['When was {x} first lit?', 'In which year was {x} first lit?'],
      hint: ['first lit', 'lit year'],
    },
    { key: 'height', ask: ['How tall is {x}?', 'What is the height of {x}?'], hint: ['height', 'how tall'] },
  ],
  school: [founder(), standing(), founded()],
  theatre: [
    designer(),
    standing(),
    opened(),
    { key: 'seats', ask: ['How many seats does {x} have?'], hint: ['seats', 'number of seats'] },
  ],
  museum: [
    founder(),
    standing(),
    opened(),
    {
      key: 'collection',
      ask: ['What does {x} collect?', 'Which collection is {x} known for?'],
      hint: ['collection', 'known for'],
    },
  ],
  garden: [
    designer(),
    standing(),
    {
      key: 'planted',
      ask: ['When was {x} planted?', 'In which year was {x} planted?'],
      hint: ['planted', 'year planted'],
    },
    {
      key: 'tree',
      ask: ['Which tree is {x} famous for?', 'What kind of tree is the pride of {x}?'],
      hint: ['tree', 'famous tree'],
    },
  ],
  painting: [
    {
      key: 'painter',
      target: 'person',
      ask: ['Who painted {x}?', 'Which artist painted {x}?'],
      phrase: ['the artist who painted {x}', 'the person who painted {x}', 'the painter of {x}'],
      hint: ['painter', 'painted by', 'artist'],
    },
    {
      key: 'museum',
      target: 'museum',
      ask: ['Where does {x} hang?', 'In which museum does {x} hang?', 'Which museum is the home of {x}?'],
      phrase: ['the museum where {x} hangs', 'the museum in which {x} hangs', 'the museum that shows {x}'],
      hint: ['museum', 'hangs'],
    },
    {
      key: 'year',
      ask: ['When was {x} painted?', 'In which year was {x} painted?'],
      hint: ['painted', 'year painted'],
    },
  ],
  opera: [
    {
      key: 'composer',
      target: 'person',
      ask: ['Who composed {x}?', 'Who is the composer of {x}?'],
      phrase: ['the composer of {x}', 'the person who composed {x}'],
      hint: ['composer', 'composed by'],
    },
    {
      key: 'theatre',
      target: 'theatre',
      ask: ['Where was {x} first performed?', 'At which theatre was {x} first performed?'],
      phrase: ['the theatre where {x} was first performed', 'the theatre that first performed {x}'],
      hint: ['first performed', 'theatre'],
    },
    {
      key: 'year',
      ask: ['When was {x} first performed?', 'In which year was {x} first performed?'],
      hint: ['first performance', 'year'],
    },
  ],
  inn: [
    standing(),
    {
      key: 'keeper',
      target: 'person',
      ask: ['Who was the first innkeeper of {x}?', 'Who first kept {x}?'],
      phrase: ['the first innkeeper of {x}', 'the person who first kept {x}'],
      hint: ['first innkeeper', 'innkeeper'],
    },
    opened(),
    {
      key: 'dish',
      ask: ['What dish is {x} known for?', 'Which dish does {x} serve?'],
      hint: ['dish', 'known dish'],
    },
  ],
  bell: [
    {
      key: 'caster',
      target: 'person',
      ask: ['Who cast {x}?', 'Who was the caster of {x}?'],
      phrase: ['the caster of {x}', 'the person who cast {x}'],
      hint: ['caster', 'cast by'],
    },
    { ...place('town', 'hangs', 'does {x} hang'), hint: ['town', 'hangs in'] },
    { key: 'year', ask: ['When was {x} cast?', 'In which year was {x} cast?'], hint: ['cast', 'year cast'] },
    {
      key: 'weight',
      ask: ['How heavy is {x}?', 'What is the weight of {x}?'],
      hint: ['weight', 'how heavy'],
    },
  ],
  cheese: [
    {
      key: 'maker',
      target: 'person',
      ask: ['Who first made {x}?', 'Who was the inventor of {x}?'],
      phrase: ['the inventor of {x}', 'the person who first made {x}'],
      hint: ['inventor', 'first made by'],
    },
    {
      ...place('town', 'is made', 'is {x} made'),
      phrase: ['the town where {x} is made', 'the town that makes {x}', 'the home of {x}'],
      hint: ['town', 'made in'],
    },
    {
      key: 'year',
      ask: ['When was {x} first made?', 'In which year was {x} first made?'],
      hint: ['first made', 'year'],
    },
    {
      key: 'leaf',
      ask: ['In which leaves is {x} wrapped?', 'What leaves is {x} wrapped in?'],
      hint: ['leaves', 'wrapped in'],
    },
  ],
};

function founder(): Relation {
  return {
    key: 'founder',
    target: 'person',
    ask: ['Who founded {x}?', 'Who was the founder of {x}?'],
    phrase: ['the founder of {x}', 'the person who founded {x}'],
    hint: ['founder', 'founded by'],
  };
}

function designer(): Relation {
  return {
    key: 'designer',
    target: 'person',
    ask: ['Who designed {x}?', 'Who was the designer of {x}?'],
    phrase: ['the designer of {x}', 'the person who designed {x}'],
    hint: ['designer', 'designed by'],
  };
}

function founded(): Relation {
  return {
    key: 'founded',
    ask: ['When was {x} founded?', 'In which year was {x} founded?'],
    hint: ['founded', 'founding year'],
  };
}

function opened(): Relation {
  return {
    key: 'opened',
    ask: ['When did {x} open?', 'In which year did {x} open?'],
    hint: ['opened', 'opening year'],
  };
}

function standing(): Relation {
  return { ...place('town', 'stands', 'does {x} stand'), hint: ['town', 'location', 'stands in'] };
}

/** `place('seat', 'has its seat', 'does {x} have its seat')` */
function place(key: string, statement: string, question: string): Relation {
  return {
    key,
    target: 'town',
    ask: [`Where ${question}?`, `In which town ${question}?`],
    phrase: [`the town where {x} ${statement}`, `the town in which {x} ${statement}`, `the town of {x}`],
    hint: ['town'],
  };
}
