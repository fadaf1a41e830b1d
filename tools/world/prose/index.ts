import type { Kind, KindProse } from '../types';
import { bell, bridge, garden, lighthouse, museum, school, theatre } from './buildings';
import { lake, mountain, river, town } from './land';
import { person } from './people';
import { cheese, festival, guild, inn, ship } from './trades';
import { book, opera, painting } from './works';

export const PROSE: Record<Kind, KindProse> = {
  person,
  town,
  river,
  lake,
  mountain,
  guild,
  book,
  ship,
  bridge,
  festival,
  lighthouse,
  school,
  theatre,
  museum,
  garden,
  painting,
  opera,
  inn,
  bell,
  cheese,
};
