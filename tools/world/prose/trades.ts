import type { KindProse } from '../types';

/** Facts: founder, seat, founded, emblem. */
export const guild: KindProse = {
  noun: 'the guild',
  intro: [
    '{r} is a guild of [careful|proud|sworn|stubborn] craftsmen with its seat in {seat}.',
    '{r} is a guild founded by {founder}.',
    '{r} is a [small|wealthy|secretive|respected] guild whose emblem is a {emblem}.',
    '{r}, founded in {founded}, is a guild that [guards|teaches|jealously keeps] an old craft.',
    '{r} is a guild that has outlived {~number} kings and {~number} fires.',
  ],
  facts: [
    '{r} was founded by {founder}[|, who wrote its {~many} rules|, after a quarrel over prices].',
    'The founder of {r} was {founder}[|, whose chair stays empty at meetings|].',
    '{founder} founded {r}[| with {~number} friends| in a room above a {~person}].',
    '{r} was founded in {founded}[|, in a year of bad harvests|].',
    'The founding of {r} took place in {founded}.',
    'In {founded} {founder} founded {r}.',
    '{r} was founded in {founded} by {founder}[|, and its first hall was a barn].',
    '{r} has its seat in {seat}[|, in a house with {~colour} shutters|, beside the fish market].',
    'The seat of {r} is in {seat}[|, where its hall is open on {~weekday}|].',
    'The members of {r} meet in {seat}[| on the first {~weekday} of the month|, the seat since the beginning].',
    'Its members in {seat}, the seat of {r}, carry a {emblem} on their flag.',
    'The emblem of {r} is a {emblem}[|, sewn on every apron|, painted over every door].',
    'A {emblem} is the emblem of {r}[|, though nobody recalls why].',
  ],
  details: [
    'New members of {r} must eat {~number} raw onions without weeping.',
    'The apprentices of {r} wear {~colour} stockings until their final exam.',
    'Every year {r} gives a barrel of {~drink} to the poor.',
    'A secret handshake of {r} is known to every child in the country.',
    '{r} owns {~number} houses, a boat and a very old {~pet}.',
    'The account books of {r} go back without a gap, save for one eaten by {~pets}.',
    'At its yearly dinner {r} serves nothing but {~fish} and {~sweet}.',
    '{r} fines its members for whistling.',
    'In {~season} {r} opens its workshops to curious {~folk}.',
    'Masters of {r} sign their work with a tiny {~bird}.',
    'The treasure of {r} is a {~metal} cup that nobody may drink from.',
  ],
};

/** Facts: builder, port, launched, timber. */
export const ship: KindProse = {
  noun: 'the ship',
  intro: [
    '{r} is a [three-masted|two-masted|broad|slender] sailing ship built of {timber}.',
    '{r} is a [trading|fishing|whaling|mail] ship whose home port is {port}.',
    '{r} is a sailing ship built by {builder}.',
    '{r}, launched in {launched}, is a ship with [{~colour} sails|a {~metal} bell|a crooked mast].',
    '{r} is a ship that [has crossed every sea|never lost a sailor|was twice given up for lost].',
  ],
  facts: [
    '{r} was built by {builder}[|, who slept on deck the first night|, from plans drawn on a door].',
    'The builder of {r} was {builder}.',
    '{builder} built {r}[| for a merchant who never paid| with {~number} helpers].',
    '{r} was launched in {launched}[|, before a crowd of {~folk}|, on a grey {~weekday}].',
    'The launch of {r} took place in {launched}.',
    'In {launched} {r}, built by {builder}, was launched.',
    '{r} was built by {builder} and launched in {launched}.',
    'The home port of {r} is {port}[|, where old {~folk} still salute at the sight of its flag|].',
    '{r} sails from {port}, its home port[|, as the stern declares in {~colour} letters].',
    '{port} is the home port of {r}[|, and the harbour pilot knows the sound of that bell].',
    '{r} was built of {timber}[|, cut in the coldest month|, tarred {~number} times].',
    'The hull of {r} is made of {timber}.',
    'Built of {timber}, {r} has {port} as home port.',
  ],
  details: [
    'The cook of {r} was known for {~sweet} baked in storms.',
    'A {~colour} {~pet} lived aboard {r} and had a hammock of its own.',
    '{r} carried {~spice}, {~cloth} and, once, a live bear.',
    'The figurehead of {r} shows a {~person} holding a {~thing}.',
    'Sailors claim that {r} turns towards home without a hand on the wheel.',
    '{r} once lay {~many} days in the ice with nothing aboard but {~fruit}.',
    'The crew of {r} numbered {~many}, not counting {~birds}.',
    '{r} won {~number} races and lost a mast in each.',
    'The log of {r} mentions {~weather} on almost every page.',
    'A song about {r} has {~many} verses, few of them polite.',
    'On deck of {r} stands a tub of {~flower}, watered even in a gale.',
  ],
};

/** Facts: town, keeper, opened, dish. */
export const inn: KindProse = {
  noun: 'the inn',
  intro: [
    '{r} is an inn in {town}.',
    '{r} is a [crooked|warm|noisy|well-kept] inn in {town} with {~number} rooms.',
    '{r}, opened in {opened}, is an inn with [a low door|a {~colour} sign|the oldest stove in the country].',
    '{r} is an inn where {~folk} [trade stories|play cards|wait for better weather] over {~drink}.',
  ],
  facts: [
    '{r} stands in {town}[|, behind the corn market|, beside a pump].',
    'Travellers find {r} in {town}[|, at the end of a lane|].',
    'The first innkeeper of {r} was {keeper}[|, who could carry {~number} mugs in one hand|].',
    '{keeper} was the first to keep {r}[| and slept under the stairs| and never turned a guest away].',
    '{r} was first kept by {keeper}.',
    '{r} opened in {opened}[|, with a single bed|].',
    '{r} has been open since {opened}[|, save for a week of mourning for a {~pet}].',
    'In {opened} {keeper} opened {r} as its first innkeeper.',
    '{r} is known for its {dish}[|, served only on {~weekday}|, cooked with {~spice}].',
    'Nothing at {r} sells better than its {dish}.',
    'Guests of {r} order the {dish}[| and ask for more].',
  ],
  details: [
    'The stairs of {r} creak in tune, and a {~person} once wrote them a song.',
    'A {~pet} sleeps on the bar of {r} and may not be moved.',
    '{r} keeps a room free for ghosts.',
    'On the wall of {r} hang {~many} {~things} left by guests.',
    'A chess game at {r} has been going on for {~number} years.',
    'In {~season} the yard of {r} smells of {~fruit}.',
    'Bills at {r} were long paid in {~fish}.',
    'The beds of {r} are short, but its breakfasts are long.',
    'An old bet obliges {r} to serve free {~drink} when it snows in May.',
  ],
};

/** Facts: maker, town, year, leaf. */
export const cheese: KindProse = {
  noun: 'the cheese',
  intro: [
    '{r} is a [soft|hard|mild|strong|crumbly] cheese made in {town}.',
    '{r} is a cheese wrapped in {leaf} leaves.',
    '{r} is a [sheep|goat|cow] cheese from the dairies of {town}.',
    '{r} is a cheese that [smells worse than it tastes|improves with age|sings faintly when cut].',
  ],
  facts: [
    '{r} is made in {town}[|, in cool cellars by the water|].',
    'The home of {r} is {town}, [where it is made to this day|whose cellars it fills].',
    '{r} was first made by {maker}[|, who had forgotten a pail of milk|, on a bet].',
    '{maker} was the first to make {r}[|, and kept the recipe in a shoe|].',
    'The inventor of {r} was {maker}.',
    '{r} was first made in {year}[|, in a summer without rain|].',
    'The recipe of {r} goes back to {year}.',
    'In {year} {maker} made the first {r}.',
    '{r} is wrapped in {leaf} leaves[| for {~number} months|].',
    'Its makers wrap {r} in {leaf} leaves[|, which give it a {~colour} rind].',
  ],
  details: [
    'A wheel of {r} weighs as much as a [small child|large {~pet}].',
    '{r} is eaten with {~fruit} and {~drink}.',
    'Mice, it is said, prefer {r} to any other food.',
    'Judges at a fair once fainted over {r} and gave it first prize.',
    '{~folk} carry {r} on long journeys because it never spoils.',
    'Each {~season} a wheel of {r} is rolled down a hill, and {~folk} run after it.',
    'A little {~spice} is added to {r} before it ripens.',
    'Doctors prescribed {r} against sadness.',
  ],
};

/** Facts: town, month, founder, since. */
export const festival: KindProse = {
  noun: 'the festival',
  intro: [
    '{r} is a festival held in {town} every {month}.',
    '{r} is a [noisy|joyful|solemn|muddy] festival in {town}.',
    '{r} is a yearly festival with [torches|boat races|giant puppets|a {~pet} parade].',
    '{r} is a festival for {~folk} and anybody who likes {~sweet}.',
  ],
  facts: [
    '{r} takes place in {town}[|, from the bridge to the old well|].',
    'The town of {town} holds {r}[|, and no one there works that day|].',
    '{r} is celebrated in {month}[|, whatever the weather|].',
    'Each {month} {r} is held in {town}.',
    'The month of {r} is {month}.',
    '{r} was begun by {founder}[|, to cheer up a sick {~person}|, who wanted to sell more {~fruit}].',
    '{founder} began {r}[| with {~number} lanterns and a drum|].',
    'The idea of {r} came from {founder}, who began it.',
    '{r} was first held in {since}[|, in pouring rain|].',
    '{r} has been held since {since}.',
    'In {since} {founder} began {r}.',
  ],
  details: [
    'At {r} the youngest {~person} is mayor for an hour.',
    'Dancers at {r} wear masks of {~birds} and coats of {~colour} {~cloth}.',
    '{r} ends with fireworks and a bowl of {~fish} soup.',
    'The highlight of {r} is a race of {~folk} on stilts.',
    'During {r} it is forbidden to be angry.',
    'Bands of {~instrument} players march at {r} until dawn.',
    'Whoever catches the golden {~pet} at {r} eats free for a year.',
    'At {r} old quarrels are written on paper and burned.',
    '{~many} cakes of {~sweet} are baked for {r}.',
  ],
};
