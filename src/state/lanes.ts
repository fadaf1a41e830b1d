/** Which systems a question is put to, side by side, and each one's models where they are not those of the settings. */
import { SYSTEM_IDS, type SystemId } from '../protocol/trace';
import { SYSTEMS } from '../agent/system-facts';
import type { ModelChoice, RunSettings } from './settings';

export interface Lane {
  system: SystemId;
  /** Instead of the settings'. */
  searcher?: ModelChoice;
  generator?: ModelChoice;
}

export const MAX_LANES = 3;
export const DEFAULT_LANES: readonly Lane[] = [{ system: 's3' }, { system: 'naive-rag' }];

const CHOICE = /^[\w.-]{1,128}$/;

/** As it stands in a link: lanes divided by spaces, a lane's models behind asterisks, `s3 s3*demo-ppo naive-rag**endpoint`. */
export const formatLanes = (lanes: readonly Lane[]): string =>
  lanes
    .map(({ system, searcher = '', generator = '' }) =>
      `${system}*${searcher}*${generator}`.replace(/\*+$/, ''),
    )
    .join(' ');

/** Null for what is no list of known systems. */
export function parseLanes(text: string): Lane[] | null {
  const lanes: Lane[] = [];
  for (const part of text.split(' ').filter(Boolean)) {
    const [name, searcher = '', generator = '', ...rest] = part.split('*');
    const system = SYSTEM_IDS.find((id) => id === name);
    const sound = [searcher, generator].every((choice) => choice === '' || CHOICE.test(choice));
    if (!system || !sound || rest.length > 0) return null;
    lanes.push({ system, ...(searcher && { searcher }), ...(generator && { generator }) });
  }
  return lanes.length > 0 && lanes.length <= MAX_LANES ? lanes : null;
}

/** The settings of a run with a lane's own models in place. */
export const settingsFor = <S extends Pick<RunSettings, 'searcher' | 'generator'>>(
  { searcher, generator }: Lane,
  settings: S,
): S => ({
  ...settings,
  ...(searcher !== undefined && { searcher }),
  ...(generator !== undefined && { generator }),
});

export const rolesOf = ({ system }: Pick<Lane, 'system'>): ('searcher' | 'generator')[] => {
  const { searcher, answersItself } = SYSTEMS[system];
  return [...(searcher ? (['searcher'] as const) : []), ...(answersItself ? [] : (['generator'] as const))];
};

/** Names for identifiers in the page, each once: a lane by its system, the second of the same with its place. */
export const laneIds = (lanes: readonly Pick<Lane, 'system'>[]): string[] =>
  lanes.map(({ system }, at) =>
    lanes.findIndex((lane) => lane.system === system) === at ? system : `${system}-${at + 1}`,
  );
