import { AppError } from '../../protocol/errors';

export const HUGGING_FACE = 'https://huggingface.co';

export interface HubReference {
  /** `owner/name` */
  repository: string;
  /** Branch, tag or commit. */
  revision: string;
}

const NAME = /^[\w-][\w.-]{0,95}\/[\w-][\w.-]{0,95}$/;
const REVISION = /^[\w-][\w./-]{0,255}$/;

export const isHubReference = (text: string): boolean => text.startsWith('hf:');

/** `hf:owner/name[@revision]`, or without the `hf:`. @throws AppError BAD_INPUT */
export function parseHubReference(text: string): HubReference {
  const [repository = '', revision = 'main', ...rest] = text.trim().replace(/^hf:/, '').split('@');
  const sound = NAME.test(repository) && REVISION.test(revision) && rest.length === 0;
  if (sound && !repository.includes('..') && !revision.includes('..')) return { repository, revision };
  throw new AppError('BAD_INPUT', `"${text.slice(0, 120)}" names no repository of the hub.`, {
    fix: 'Write owner/name, or owner/name@revision, as on the page of the model.',
  });
}
