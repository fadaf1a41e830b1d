const list = (text: string): readonly string[] =>
  text
    .split(/[,\n]/)
    .map((word) => word.trim())
    .filter(Boolean);

/** Ordinary words: those that `{~name}` draws from, and the values of facts. */
export const WORDS: Record<string, readonly string[]> = {
  // Parts of titles
  ware: list(
    'Lamp, Salt, Rope, Glass, Ink, Barrel, Honey, Thread, Button, Kettle, Needle, Paper, Candle, Copper, Feather, Basket, Comb, Amber, Saddle, Clock',
  ),
  emblem: list('Lantern, Key, Swan, Mirror, Ladder, Compass, Owl, Crown, Anchor, Orchard, Candle, Heron'),
  emblems: list('Lanterns, Keys, Swans, Mirrors, Bells, Tides, Owls, Windows, Gardens, Ravens, Maps, Bees'),
  shade: list('Silver, Hidden, Last, Crooked, Burning, Quiet, Broken, Seventh, Paper, Winter'),
  mood: list(
    'Merry, Silver, Patient, Bold, Lucky, Golden, Gentle, Proud, Wandering, Faithful, Scarlet, Sleeping',
  ),
  role: list('Miller, Widow, Ferryman, Tailor, Duchess, Shepherd, Gardener, Orphan, Baker, Princess'),

  // Values of facts
  trade: list(
    `glassblower, clockmaker, cartographer, beekeeper, botanist, weaver, apothecary, locksmith, gardener, potter,
    astronomer, tailor, baker, ferryman, physician, goldsmith, shoemaker, surveyor, lawyer, teacher, herbalist, brewer,
    merchant, judge, translator, dentist, tanner, cooper, instrument maker, lensmaker`,
  ),
  maker: list('mason, engineer, carpenter, surveyor, bricklayer, stonecutter'),
  writer: list('poet, novelist, historian, essayist, chronicler, translator'),
  shipwright: list('shipwright, boatbuilder, sailmaker, carpenter'),
  artist: list('portraitist, engraver, illustrator, fresco artist'),
  musician: list('organist, violinist, choirmaster, flautist'),
  climber: list('explorer, geologist, hunter, shepherd, botanist'),
  mapper: list('cartographer, surveyor, explorer, geographer'),
  smith: list('blacksmith, metalworker, coppersmith, gunsmith'),
  cook: list('dairymaid, farmer, cook, innkeeper, shepherd, brewer'),
  scholar: list('mathematician, philosopher, teacher, physician, judge, merchant'),
  product: list(
    `pears, blue glass, woollen blankets, smoked eel, violins, sea salt, honey cakes, clay pipes, plum brandy, wicker chairs,
    mustard, lace collars, tin soldiers, umbrellas, cider, straw hats, walnut oil, playing cards, ginger biscuits, kites,
    leather gloves, wooden clogs, fine paper, music boxes`,
  ),
  subject: list(
    `beekeeping, sea storms, a lost inheritance, the habits of owls, tides, a village of clockmakers, mushrooms,
    a stolen violin, the training of falcons, bread, a long winter, star charts, a quarrel over a well, the care of roses,
    two rival bakers, shipwrecks, old roads, dreams, a talking goose, the making of ink`,
  ),
  beast: list(
    'heron, hare, otter, stag, badger, swan, fox, owl, hedgehog, dolphin, bull, raven, salmon, bee',
  ),
  tincture: list('silver, golden, red, blue, green, white, black, crimson'),
  timber: list('oak, larch, elm, pine, teak, cedar, ash, chestnut'),
  stone: list('granite, sandstone, red brick, limestone, iron, grey slate, basalt, oak'),
  month: list(
    'January, February, March, April, May, June, July, August, September, October, November, December',
  ),
  collection: list(
    `clocks, maps, fossils, puppets, keys, teapots, butterflies, old coins, musical instruments, model ships, meteorites,
    masks, globes, locks, kites, sea shells`,
  ),
  tree: list('mulberry, fig, ginkgo, cherry, walnut, quince, almond, magnolia, olive, cedar, medlar, lime'),
  dish: list(
    `eel pie, onion soup, roast goose, plum dumplings, barley stew, pickled herring, mushroom pancakes, rabbit pie,
    nettle soup, baked trout, lentil broth, apple pudding`,
  ),
  leaf: list('nettle, chestnut, fig, vine, maple, cabbage, walnut, rhubarb'),

  // Colour for the details
  pet: list('cat, parrot, goat, goose, tortoise, terrier, donkey, canary, jackdaw, ferret, hen, greyhound'),
  pets: list('cats, parrots, goats, geese, tortoises, pigeons, hens, rabbits, canaries, bees'),
  bird: list('heron, kingfisher, swallow, gull, stork, crane, owl, cormorant, wagtail, falcon'),
  birds: list('herons, swallows, gulls, storks, owls, cranes, starlings, swans, bats, jackdaws'),
  fish: list('trout, pike, perch, salmon, eel, carp, sturgeon, herring'),
  flower: list(
    'lavender, poppies, foxgloves, bluebells, violets, heather, primroses, irises, thistles, tulips',
  ),
  fruit: list('plums, pears, figs, cherries, apples, quinces, walnuts, gooseberries, lemons, blackberries'),
  sweet: list('gingerbread, marzipan, honey cake, candied orange, toffee, shortbread, plum tart, nougat'),
  drink: list(
    'cider, mint tea, black coffee, mulled wine, elderflower cordial, brown ale, hot milk, barley water',
  ),
  spice: list('pepper, cinnamon, saffron, nutmeg, cloves, ginger, aniseed, cardamom'),
  colour: list('red, blue, green, yellow, white, grey, orange, purple, brown, pink, black, turquoise'),
  metal: list('brass, copper, silver, iron, tin, bronze, pewter, gold'),
  cloth: list('wool, velvet, linen, silk, canvas, felt, tweed, cotton'),
  instrument: list(
    'violin, flute, cello, accordion, lute, trumpet, drum, oboe, harp, bassoon, fiddle, clarinet',
  ),
  thing: list(
    'compass, pocket watch, magnifying glass, notebook, whistle, penknife, spoon, candle, lucky coin, walking stick, thimble, mirror',
  ),
  things: list(
    'spoons, keys, buttons, stamps, thimbles, maps, pebbles, feathers, bottles, candlesticks, walking sticks, teapots',
  ),
  number: list('three, four, five, six, seven, eight, nine, ten, eleven, twelve'),
  nth: list('second, third, fourth, fifth, sixth, seventh, eighth'),
  many: list('fifteen, twenty, thirty, forty, fifty, sixty, seventy, ninety'),
  season: list('spring, summer, autumn, winter'),
  weekday: list('Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday'),
  weather: list('fog, rain, snow, hail, thunder, frost, drizzle, sleet'),
  folk: list(
    'sailors, shepherds, farmers, students, fishermen, pilgrims, children, bakers, smugglers, gardeners, soldiers, travellers',
  ),
  person: list(
    'widow, miller, priest, carter, fisherman, baker, schoolboy, blacksmith, washerwoman, sailor, shepherd, clerk',
  ),
  room: list('kitchen, attic, cellar, hall, stable, library, pantry, tower'),
  nature: list(
    'stubborn, cheerful, patient, shy, curious, restless, quiet, generous, absent-minded, careful, tireless, witty',
  ),
};
