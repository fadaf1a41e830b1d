import type { KindProse } from '../types';

/** Facts: author, printed, year, subject. */
export const book: KindProse = {
  noun: 'the book',
  intro: [
    '{r} is a [thick|slender|beloved|puzzling|much copied] book by {author}.',
    '{r} is a book about {subject}.',
    '{r}, published in {year}, is a book about {subject}.',
    '{r} is a [novel|poem in {~number} parts|treatise|collection of tales] written by {author}.',
    '{r} is a book that [made readers weep|sold out in a day|nobody has ever finished].',
  ],
  facts: [
    '{r} was written by {author}[| in a cold {~room}| between two journeys].',
    'The author of {r} was {author}[|, who claimed to have dreamt it|].',
    '{author} wrote {r}[| in {~number} weeks| with a {~bird} feather|].',
    '{r} was published in {year}[|, with {~many} pictures|].',
    'The year of publication of {r} was {year}.',
    'In {year} {author} published {r}.',
    '{r} was written by {author} and published in {year}.',
    '{r} was first printed in {printed}[|, on {~colour} paper|].',
    'The first copies of {r} were printed in {printed}.',
    '{r} was printed in {printed} in {year}.',
    'The subject of {r} is {subject}.',
    '{r} tells its readers about {subject}[|, with a great many footnotes|].',
  ],
  details: [
    'Early readers complained that {r} contained too many {~pets}.',
    'A copy of {r} bound in {~cloth} is kept under glass.',
    'The last chapter of {r} may be read backwards.',
    'Schoolchildren learn the first page of {r} by heart.',
    '{r} was forbidden for {~number} years because of a joke about {~fish}.',
    'A stain of {~drink} on the first page of {r} was copied by every printer.',
    'Critics called {r} too long, and readers wished it were longer.',
    '{r} contains a recipe for {~sweet} that really works.',
    'It is unlucky, say {~folk}, to lend {r} to a {~person}.',
    'The hero of {r} is a {~nature} {~person} with a {~thing}.',
    'The ink of {r} smells of {~spice} to this day.',
    'In {r} nobody dies, although everyone expects to.',
    'A printer dropped {~number} pages of {r}, and the gap was filled with a poem.',
  ],
};

/** Facts: painter, museum, year. */
export const painting: KindProse = {
  noun: 'the picture',
  intro: [
    '{r} is a painting by {painter}.',
    '{r} is a [large|small|dark|glowing|unfinished] painting that hangs in {museum}.',
    '{r}, painted in {year}, is a [landscape|quiet scene|view] in {~colour} and {~colour}.',
    '{r} is a painting in which [the light comes from a {~thing}|every figure looks away|{~birds} fill the sky].',
  ],
  facts: [
    '{r} was painted by {painter}[|, with brushes of {~pet} hair|, from an upper window].',
    '{painter} painted {r}[| in {~number} days|, standing in {~weather}|].',
    'The artist who painted {r} was {painter}.',
    '{r} hangs in {museum}[|, beside a window that is never opened|].',
    'Visitors can see {r} in {museum}.',
    'The home of {r} is {museum}.',
    '{r} was painted in {year}[|, during a wet {~season}|].',
    'The year in which {r} was painted is {year}.',
    'In {year} {painter} painted {r}.',
  ],
  details: [
    'A {~pet} in the corner of {r} was added by another hand.',
    'Looking long at {r} is said to cure hiccups.',
    'The {~colour} in {r} was made from crushed {~flower}.',
    'Thieves stole {r} once and returned it with a polite note.',
    'Under {r} an older picture of a {~person} has been found.',
    'The frame of {r} is carved with {~fruit} and {~birds}.',
    'A {~person} in {r} holds a {~thing} upside down, and scholars argue about it.',
    'Copies of {r} hang in {~many} barber shops.',
    'For years {r} was used to cover a hole in a {~room} wall.',
  ],
};

/** Facts: composer, theatre, year. */
export const opera: KindProse = {
  noun: 'the opera',
  intro: [
    '{r} is an opera by {composer}.',
    '{r} is a [comic|tragic|short|endless] opera in {~number} acts.',
    '{r} is an opera first performed at {theatre}.',
    '{r}, first performed in {year}, is an opera [about forgiveness|with a storm in every act|for {~number} voices].',
  ],
  facts: [
    '{r} was composed by {composer}[| on a borrowed {~instrument}|, who lost the first score in a river].',
    '{composer} composed {r}[| in {~number} sleepless weeks|].',
    'The composer of {r} was {composer}.',
    '{r} was first performed at {theatre}[|, to loud applause|, to an audience of {~folk}].',
    'The first performance of {r} was given at {theatre}.',
    '{theatre} gave the first performance of {r}[|, with a real {~pet} on stage|].',
    '{r} was first performed in {year}[|, in spite of a strike of the {~instrument} players|].',
    'The first performance of {r} took place in {year}.',
    'In {year} {r} was first performed at {theatre}.',
  ],
  details: [
    'The best known song of {r} praises {~fruit}.',
    'In the second act of {r} a {~person} sings to a {~thing}.',
    'The {~instrument} part in {r} is feared by all who play it.',
    'Whole streets hummed tunes from {r} for a year.',
    'The villain of {r} is a {~nature} {~person} who never sings at all.',
    'During {r} the audience is served {~sweet}.',
    'The ending of {r} was changed {~number} times to please a duke.',
    'Critics compared {r} to {~weather} on a tin roof.',
    '{r} calls for {~number} live {~birds}, which seldom obey.',
  ],
};
