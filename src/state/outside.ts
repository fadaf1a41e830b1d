/** Where the data of a run goes, whichever page it is of. Pure. */
import { SYSTEMS } from '../agent/system-facts';
import type { EvaluationConfig } from '../evaluation/evaluation-types';
import { isEndpointReference } from '../generate/endpoint';
import type { CorpusLink } from '../protocol/corpus';
import { isMedicalCorpus, type MedicalCorpus } from '../protocol/medical-corpora';
import type { RunConfig } from '../train/records';
import type { EndpointRole } from './endpoints.svelte';
import type { EvaluationDraft } from './evaluation-draft';
import { hostOf } from './host';
import { rolesOf, settingsFor, type Lane } from './lanes';
import { ENDPOINT, type RunSettings } from './settings';

/** A host that a run would talk to, and why: for a model, for a search, or for the files of an index that is read where it lies. */
export interface Outside {
  role: EndpointRole | 'corpus' | 'pack';
  host: string;
}

/** What a run uses. */
export interface Used {
  /** Addresses, or `endpoint:ROLE` and `endpoint` for the page's own endpoint of a role; other models run here. */
  models: readonly (readonly [role: EndpointRole, reference: string])[];
  /** Ids, several with `+` between them; `null` where nothing is searched. */
  corpus: string | null;
}

/** What is known of addresses. */
export interface Addresses {
  /** Of the page's own endpoints. */
  endpoints: Partial<Record<EndpointRole, { baseUrl: string } | null>>;
  corpora: readonly { id: string; link?: CorpusLink | undefined }[];
}

const MEDICAL_HOSTS: Readonly<Record<MedicalCorpus, string>> = {
  pubmed: 'eutils.ncbi.nlm.nih.gov',
  'clinical-trials': 'clinicaltrials.gov',
};

/** Each host once a role, models first. */
export function outsideOf(used: readonly Used[], { endpoints, corpora }: Addresses): Outside[] {
  const hosted = (role: Outside['role'], address: string): Outside => ({
    role,
    host: hostOf(address) ?? address,
  });
  const ofModel = ([role, reference]: readonly [EndpointRole, string]): Outside[] => {
    if (isEndpointReference(reference)) return [hosted(role, reference)];
    const [kind, named = role] = reference.split(':');
    const own = kind === ENDPOINT && isRole(named) ? endpoints[named] : null;
    return own ? [hosted(role, own.baseUrl)] : [];
  };
  const ofCorpus = (id: string): Outside[] => {
    if (isMedicalCorpus(id)) return [{ role: 'corpus', host: MEDICAL_HOSTS[id] }];
    const link = corpora.find((corpus) => corpus.id === id)?.link;
    return link ? [hosted(link.kind === 'pack' ? 'pack' : 'corpus', link.url)] : [];
  };
  const found = [
    ...used.flatMap(({ models }) => models.flatMap(ofModel)),
    ...used.flatMap(({ corpus }) => corpus?.split('+') ?? []).flatMap(ofCorpus),
  ];
  const unique = new Map(found.map((one) => [`${one.role} ${one.host}`, one]));
  return [...unique.values()];
}

const isRole = (role: string): role is EndpointRole => role === 'searcher' || role === 'generator';

const searches = (systems: readonly { system: keyof typeof SYSTEMS }[]): boolean =>
  systems.some(({ system }) => SYSTEMS[system].retriever !== 'none');

/** A question put to these systems. */
export const usedByLanes = (
  lanes: readonly Lane[],
  settings: Pick<RunSettings, 'searcher' | 'generator' | 'corpus'>,
): Used => ({
  models: lanes.flatMap((lane) =>
    rolesOf(lane).map((role) => [role, settingsFor(lane, settings)[role]] as const),
  ),
  corpus: searches(lanes) ? settings.corpus : null,
});

/** An evaluation that is being written down; its judge is asked where the generator is. */
export function usedByDraft({ systems, judge, ...settings }: EvaluationDraft): Used {
  const { models, corpus } = usedByLanes(systems, settings);
  return { models: [...models, ...(judge === null ? [] : [['generator', judge] as const])], corpus };
}

export function usedByEvaluation({ systems, models, corpus }: EvaluationConfig): Used {
  const ofSystems = systems.flatMap((one) =>
    rolesOf(one).map((role) => [role, one[role] ?? models[role]] as const),
  );
  const judge = models.judge === undefined ? [] : [['generator', models.judge] as const];
  return { models: [...ofSystems, ...judge], corpus: searches(systems) ? corpus : null };
}

export const usedByTraining = ({ generator, corpus }: RunConfig): Used => ({
  models: [['generator', generator]],
  corpus,
});
