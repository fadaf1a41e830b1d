import type { KindProse } from '../types';

/** Facts: designer, river, opened, material. */
export const bridge: KindProse = {
  noun: 'the bridge',
  intro: [
    '{r} is a bridge of {material} over {river}.',
    '{r} is a [narrow|graceful|sturdy|covered] bridge designed by {designer}.',
    '{r}, opened in {opened}, is a bridge with {~number} arches.',
    '{r} is a [foot|toll|road|railway] bridge across {river}.',
    '{r} is a bridge built of {material}, [as plain as a table|with a little chapel in its middle|lit by {~many} lamps].',
    '{r} is a bridge that {~folk} [have crossed for ages|hurry over in the wind|call the old lady].',
  ],
  facts: [
    '{r} crosses {river}[| at its narrowest point| where a ferry used to run].',
    'The river under {r} is {river}.',
    '{r} spans {river}[|, and its piers are full of {~birds}|].',
    '{r} was designed by {designer}[|, who stood beneath it at the opening|, after {~number} failed drawings].',
    'The designer of {r} was {designer}.',
    '{designer} designed {r}[|, inspired by the ribs of a whale|].',
    '{r} was opened in {opened}[|, and a {~pet} was the first to cross|].',
    'The opening of {r} was celebrated in {opened}.',
    '{r} was designed by {designer} and opened in {opened}.',
    '{r} is made of {material}[|, brought by barge|].',
    'The builders made {r} of {material}[|, against all advice|, which turns {~colour} in the rain].',
    'Opened in {opened}, {r} is built of {material}.',
  ],
  details: [
    'Lovers hang {~things} on the railings of {r}.',
    'The toll on {r} was one coin, or a song for those who had none.',
    'Carters used to take off their hats on {r} for luck.',
    'A flood once carried {r} away in part, together with a {~person}.',
    'A {~fish} seller has stood at the end of {r} for {~many} years.',
    'Beneath {r} lives a family of {~birds}.',
    'It takes {~number} minutes to cross {r}, or an hour in fog.',
    'Children hold their breath on {r} to have a wish come true.',
    'Painters love {r} most in {~season}.',
    'Under the third arch of {r} sound travels strangely, and {~folk} whisper there.',
    'Every {~many} years {r} is painted {~colour}.',
  ],
};

/** Facts: keeper, town, lit, height. */
export const lighthouse: KindProse = {
  noun: 'the lighthouse',
  intro: [
    '{r} is a [white|striped|round|lonely|squat] lighthouse near {town}.',
    '{r} is a lighthouse {height} tall.',
    '{r}, first lit in {lit}, is a lighthouse [on a bare rock|at the end of a long pier|among the dunes].',
    '{r} is a lighthouse whose lamp [turns by clockwork|flickers in east wind|can be seen by {~birds} from afar].',
  ],
  facts: [
    '{r} stands near {town}[|, a short walk across the sand|].',
    'The nearest town to {r} is {town}.',
    'The first keeper of {r} was {keeper}[|, who grew {~flower} on the rocks|, who played the {~instrument} to the seals].',
    '{keeper} was the first keeper of {r}[| and stayed for {~many} winters|].',
    '{r} was first kept by {keeper}.',
    '{r} was first lit in {lit}[|, after the loss of {~number} ships|].',
    'The lamp of {r} has burned since {lit}.',
    'In {lit} {keeper} lit the lamp of {r} as its first keeper.',
    '{r} is {height} tall[|, with {~many} steps to the gallery|].',
    'The height of {r} is {height}.',
    'From rock to lamp {r} measures {height}.',
  ],
  details: [
    'The lamp of {r} burned {~fish} oil, and the whole coast smelled of it.',
    'In {~weather} a bell at {r} is rung by hand.',
    'The keepers of {r} painted it {~colour} once, by mistake.',
    'A shelf in {r} holds {~many} books, all about deserts.',
    'Tired {~birds} rest on the gallery of {r} each {~season}.',
    'Supplies reach {r} in a basket on a rope.',
    'A {~pet} at {r} is said to have saved {~number} sailors.',
    'No storm has ever put out {r}, though {~number} have tried.',
    'Every keeper of {r} has left a {~thing} in the wall.',
  ],
};

/** Facts: founder, town, founded. */
export const school: KindProse = {
  noun: 'the school',
  intro: [
    '{r} is a school in {town}.',
    '{r} is a [strict|merry|famous|modest] school founded by {founder}.',
    '{r}, founded in {founded}, is a school [for {~number} trades|of music and arithmetic|with a very large kitchen].',
    '{r} is a school whose pupils [wear {~colour} caps|keep {~pets}|learn the {~instrument}].',
  ],
  facts: [
    '{r} is in {town}[|, in a former stable|, on a hill of {~flower}].',
    'The town of {town} is home to {r}.',
    '{r} was founded by {founder}[|, who had never been to school|, with money from {~spice}].',
    'The founder of {r} was {founder}.',
    '{founder} founded {r}[| for the children of {~folk}|].',
    '{r} was founded in {founded}[| with {~number} pupils|].',
    'The founding year of {r} is {founded}.',
    'In {founded} {founder} founded {r}.',
    '{r} was founded in {town} in {founded}.',
  ],
  details: [
    'Lessons at {r} begin with a glass of {~drink}.',
    'The school bell of {r} is a {~metal} pot.',
    'Each {~season} the pupils of {r} count the {~birds} of the district.',
    'Latin is taught at {r}, but nobody has ever been seen to learn it.',
    'The library of {r} owns {~many} books and {~number} {~pets}.',
    'Punishment at {r} consists of peeling {~fruit}.',
    'At {r} a prize is given for the best question, never for an answer.',
    'The roof of {r} leaks above the headmaster, and everyone likes it that way.',
    'Old pupils of {r} send it a cheese every year.',
  ],
};

/** Facts: designer, town, opened, seats. */
export const theatre: KindProse = {
  noun: 'the theatre',
  intro: [
    '{r} is a theatre in {town}.',
    '{r} is a [gilded|draughty|tiny|splendid] theatre in {town} with {seats} seats.',
    '{r}, opened in {opened}, is a theatre with [a painted ceiling|{~colour} velvet curtains|a haunted box].',
    '{r} is a theatre designed by {designer}.',
    '{r} is a theatre [with a painted ceiling|with {~colour} velvet curtains|loved by {~folk} and poets].',
  ],
  facts: [
    '{r} stands in {town}[|, across from the bathhouse|].',
    'The town of {town} is proud of {r}.',
    '{r} was designed by {designer}[|, who feared nothing but fire|].',
    'The designer of {r} was {designer}.',
    '{designer} designed {r}[| in the shape of a {~instrument}|].',
    '{r} opened in {opened}[|, with a play about {~fish}|].',
    'The doors of {r} first opened in {opened}.',
    '{r} was designed by {designer} and opened in {opened}.',
    '{r} has {seats} seats[|, all of them hard|].',
    'The number of seats in {r} is {seats}.',
  ],
  details: [
    'A {~pet} lives backstage at {r} and appears in every comedy.',
    'The candles of {r} were so many that {~folk} came in merely to warm themselves.',
    'Actors at {r} never speak the word {~fish} before a first night.',
    'The ghost of a {~person} is said to laugh in {r} at the wrong moments.',
    'On {~weekday} nights {r} lets {~folk} in for free.',
    'Rain on the roof of {r} once drowned out a whole tragedy.',
    'Thunder at {r} is made with {~number} barrels and a sheet of {~metal}.',
    'The curtain of {r} weighs more than the mayor and his horse.',
  ],
};

/** Facts: founder, town, opened, collection. */
export const museum: KindProse = {
  noun: 'the museum',
  intro: [
    '{r} is a museum in {town}.',
    '{r} is a museum of {collection} in {town}.',
    '{r}, opened in {opened}, is a museum with {~number} rooms and a [sleepy|sharp-eyed|whistling] guard.',
    '{r} is a museum best known for its {collection}.',
    '{r} is a museum founded by {founder}.',
    '{r} is a museum with {~number} rooms and a [sleepy|sharp-eyed|whistling] guard.',
  ],
  facts: [
    '{r} is in {town}[|, in a former customs house|].',
    'The town of {town} is home to {r}.',
    '{r} was founded by {founder}[|, whose house had become too small|].',
    'The founder of {r} was {founder}.',
    '{founder} founded {r}[| to settle a bet|].',
    '{r} opened in {opened}[|, on a cold {~weekday}|].',
    'The doors of {r} have been open since {opened}.',
    'In {opened} {r} opened in {town}.',
    '{r} is known for its {collection}[|, kept in {~number} glass cases|].',
    'Most visitors come to {r} for its {collection}.',
  ],
  details: [
    'The guards of {r} are allowed to sing.',
    'A {~thing} in {r} is labelled simply as lost.',
    'On {~weekday} mornings {r} is reserved for {~folk}.',
    'Nobody knows what lies in the locked {~room} of {r}.',
    'The oldest piece in {r} is a spoon made of {~metal}.',
    'A {~bird} flew into {r} once and was put on show for a week.',
    'Visitors to {r} leave their umbrellas in a {~metal} boat.',
    'The café of {r} sells {~sweet} in the shape of {~birds}.',
  ],
};

/** Facts: designer, town, planted, tree. */
export const garden: KindProse = {
  noun: 'the garden',
  intro: [
    '{r} is a [walled|terraced|shady|formal|wild] garden in {town}.',
    '{r} is a garden designed by {designer}.',
    '{r}, planted in {planted}, is a garden of {~flower} and old trees.',
    '{r} is a garden with [a maze|a pond|a stone bench|a sundial] and a famous {tree} tree.',
    '{r} is a [walled|terraced|shady] garden of {~flower}, {~birds} and old trees.',
  ],
  facts: [
    '{r} lies in {town}[|, behind the old hospital|].',
    'The town of {town} looks after {r}.',
    '{r} was designed by {designer}[|, who hated straight lines|].',
    'The designer of {r} was {designer}.',
    '{designer} designed {r}[| for a sick friend|].',
    '{r} was planted in {planted}[|, in a wet spring|].',
    'The planting of {r} began in {planted}.',
    '{r} was designed by {designer} and planted in {planted}.',
    'The oldest tree in {r} is a {tree} tree[|, held up by {~number} poles|].',
    'A {tree} tree is the pride of {r}.',
  ],
  details: [
    '{~folk} come to {r} to sleep off their {~drink}.',
    'At dusk {~birds} settle in {r} and argue until dark.',
    'Snails in {r} are carried out by hand, politely.',
    'The pond of {r} holds a {~fish} that is older than the mayor.',
    'In {~season} {r} smells of {~flower} and warm bread.',
    'The gate of {r} is opened by whoever wakes first.',
    'Brass bands play in {r} every {~weekday}.',
    'A sundial in {r} is wrong by {~number} minutes.',
  ],
};

/** Facts: caster, town, year, weight. */
export const bell: KindProse = {
  noun: 'the bell',
  intro: [
    '{r} is a bell in {town}.',
    '{r} is a [deep|bright|cracked|silver-voiced] bell that hangs in {town}.',
    '{r} is a bell of {weight}, cast in {year}.',
    '{r} is a bell cast by {caster}.',
    '{r} is a [church|tower|harbour|town] bell with a voice like [warm bread|a tired giant|falling water].',
  ],
  facts: [
    '{r} hangs in {town}[|, in a tower without stairs|].',
    'The tower that holds {r} is in {town}.',
    '{r} was cast by {caster}[|, from {~metal} pots and old {~things}|].',
    'The caster of {r} was {caster}.',
    '{caster} cast {r}[| at the {~nth} attempt| in a pit behind the {~room}].',
    '{r} was cast in {year}[|, in a single night|].',
    'The casting of {r} took place in {year}.',
    'In {year} {caster} cast {r}.',
    '{r} weighs {weight}[|, not counting the nests|].',
    'The weight of {r} is {weight}.',
  ],
  details: [
    '{r} is rung for weddings, floods and lost {~pets}.',
    'Milk turns sour, {~folk} say, when {r} rings at night.',
    'A crack in {r} gives it a note that {~folk} love.',
    'It takes {~number} strong bakers to ring {r}.',
    'In wartime {r} was hidden under {~fruit}.',
    '{~birds} leave the tower when {r} begins to move.',
    'On the rim of {r} one can read a recipe for {~sweet}.',
    'Deaf ringers were always preferred for {r}.',
  ],
};
