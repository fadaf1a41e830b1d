/** Every system by its id, and how it is made. */
import type { LanguageModel } from '../protocol/language-model';
import type { Retriever } from '../protocol/retrieval';
import type { System } from '../protocol/system';
import type { ProtocolMode, SystemId } from '../protocol/trace';
import { AppError } from '../protocol/errors';
import type { Ablation } from './ablation';
import { createCot } from './baselines/cot';
import { createDeepRetrieval, deepRetrievalSettings } from './baselines/deepretrieval';
import type { DeepRetrievalSettings } from './baselines/deepretrieval';
import { createDirect } from './baselines/direct';
import { createIrcot, ircotSettings, type IrcotSettings } from './baselines/ircot';
import { createIrcotS3, ircotS3Settings, type IrcotS3Settings } from './baselines/ircot-s3';
import { createSearchO1, searchO1Settings, type SearchO1Settings } from './baselines/search-o1';
import { createSearchO1S3, searchO1S3Settings, type SearchO1S3Settings } from './baselines/search-o1-s3';
import { createSearchR1, searchR1Settings, type SearchR1Settings } from './baselines/search-r1';
import { createNaiveRag } from './naive-rag';
import type { Clock } from './run-events';
import { createS3 } from './s3';
import { SYSTEMS } from './system-facts';
import {
  naiveRagSettings,
  s3Settings,
  settingsRecord,
  type AnswerSettings,
  type S3Settings,
} from './settings';

/** What differs from the defaults of one system. */
export interface SystemSettings {
  deepretrieval?: Partial<DeepRetrievalSettings>;
  searchR1?: Partial<SearchR1Settings>;
  ircot?: Partial<IrcotSettings>;
  ircotS3?: Partial<IrcotS3Settings>;
  searchO1?: Partial<SearchO1Settings>;
  searchO1S3?: Partial<SearchO1S3Settings>;
}

export interface SystemParts {
  searcher: LanguageModel;
  generator: LanguageModel;
  retriever: Retriever;
  /** For the systems that search by words whatever the others do. */
  bm25?: Retriever;
  clock: Clock;
  /** s3's; the others take from it what concerns the answer. */
  settings?: Partial<S3Settings>;
  systems?: SystemSettings;
}

export interface MadeSystem {
  system: System;
  mode: ProtocolMode;
  /** As they lie in a trace file. */
  settings: Record<string, string | number | boolean>;
}

/** @throws AppError `BAD_INPUT` where the system needs BM25 and there is none. */
export function makeSystem(id: SystemId, parts: SystemParts): MadeSystem {
  const { searcher, generator, clock, settings: given = {}, systems = {} } = parts;
  const retriever = SYSTEMS[id].retriever === 'bm25' ? requireBm25(id, parts) : parts.retriever;
  const common = { searcher, generator, retriever, clock };
  const answer = answerSettings(given);
  const made = (system: System, settings: AnswerSettings): MadeSystem => ({
    system,
    mode: settings.mode,
    settings: settingsRecord(settings),
  });
  const s3 = (ablation: Ablation): MadeSystem => {
    const settings = s3Settings({ ...given, ablation });
    return made(createS3({ ...common, settings }), settings);
  };
  switch (id) {
    case 's3':
      return s3('none');
    case 's3-no-selection':
      return s3('no-selection');
    case 's3-no-initial':
      return s3('no-initial');
    case 's3-neither':
      return s3('neither');
    case 'direct':
      return made(createDirect(common, answer), naiveRagSettings(answer));
    case 'cot':
      return made(createCot(common, answer), naiveRagSettings(answer));
    case 'naive-rag':
    case 'naive-rag-bm25': {
      const settings = naiveRagSettings(answer);
      return made(createNaiveRag({ ...common, id, settings }), settings);
    }
    case 'deepretrieval': {
      const settings = deepRetrievalSettings({ ...answer, ...systems.deepretrieval });
      return made(createDeepRetrieval(common, settings), settings);
    }
    case 'search-r1':
    case 'search-r1-ret': {
      const settings = searchR1Settings({ ...answer, ...systems.searchR1 });
      return made(createSearchR1(common, id, settings), settings);
    }
    case 'ircot': {
      const settings = ircotSettings({ ...answer, ...systems.ircot });
      return made(createIrcot(common, settings), settings);
    }
    case 'ircot-s3': {
      const settings = ircotS3Settings({ ...answer, ...systems.ircotS3 });
      return made(createIrcotS3(common, settings), settings);
    }
    case 'search-o1': {
      const settings = searchO1Settings({ ...answer, ...systems.searchO1 });
      return made(createSearchO1(common, settings), settings);
    }
    case 'search-o1-s3': {
      const settings = searchO1S3Settings({ ...answer, ...systems.searchO1S3 });
      return made(createSearchO1S3(common, settings), settings);
    }
  }
}

function requireBm25(id: SystemId, { bm25, retriever }: SystemParts): Retriever {
  if (bm25) return bm25;
  if (retriever.mode === 'bm25') return retriever;
  throw new AppError('BAD_INPUT', `${SYSTEMS[id].title} searches by words, and no BM25 index is at hand.`, {
    fix: 'Choose BM25 as the retrieval.',
  });
}

/** Only what all systems share: turns and documents of s3 are not those of the others. */
function answerSettings(given: Partial<S3Settings>): Partial<AnswerSettings> {
  const all = Object.keys(naiveRagSettings());
  return Object.fromEntries(Object.entries(given).filter(([name]) => all.includes(name)));
}
