/** From the recording of an episode to the sequence that is trained on. */
import { AppError } from '../../protocol/errors';
import type { PolicyCall, TokenSegment } from './recorder';

export interface RecordedEpisode {
  prompt: readonly number[];
  segments: readonly TokenSegment[];
  /** At least one. */
  calls: readonly PolicyCall[];
}

export interface SequenceLimits {
  /** The prompt keeps its last tokens, so many. */
  start: number;
  /** Responses and observations keep their first tokens, so many together. */
  response: number;
}

export interface TrainingSequence {
  tokens: number[];
  promptLength: number;
  /** `[tokens.length]` */
  actions: Uint8Array;
  /** `[tokens.length]`: as sampled; 0 for actions whose log-probability is not known for this sequence. */
  logProbs: Float32Array;
  /** Whether all are known. */
  exactLogProbs: boolean;
}

interface Piece {
  tokens: readonly number[];
  action: boolean;
  /** Of the first tokens; the others' are not known. */
  logProbs: readonly number[];
}

/**
 * What the policy saw and wrote, token by token. A response that stayed in the context counts as it was read there: its text is cut
 * after the first `</query>` and tokenised anew, as s3 does (§1.4 of its loop), so tokens can differ from the sampled ones; from the
 * first such token on, the response's log-probabilities are not known. Its end token was never part of the context, and is
 * none of the sequence. The last response, which nothing followed, counts as it was sampled, end token included.
 */
export function trainingSequence(episode: RecordedEpisode, limits: SequenceLimits): TrainingSequence {
  const prompt = episode.prompt.slice(-limits.start);
  const right = piecesOf(episode);
  // A context whose beginning differs from this sequence's gave other probabilities.
  const cut = episode.prompt.length > prompt.length;
  const length =
    prompt.length +
    Math.min(
      limits.response,
      right.reduce((sum, { tokens }) => sum + tokens.length, 0),
    );
  const tokens = [...prompt];
  const actions = new Uint8Array(length);
  const logProbs = new Float32Array(length);
  let exactLogProbs = true;
  let call = 0;
  for (const piece of right) {
    const dropped = (episode.calls[call]?.dropped ?? 0) > 0;
    piece.tokens.forEach((token, i) => {
      const at = tokens.length;
      if (at >= length) return;
      tokens.push(token);
      if (!piece.action) return;
      actions[at] = 1;
      const known = cut || dropped ? undefined : piece.logProbs[i];
      if (known === undefined) exactLogProbs = false;
      else logProbs[at] = known;
    });
    if (piece.action) call += 1;
  }
  return { tokens, promptLength: prompt.length, actions, logProbs, exactLogProbs };
}

function piecesOf({ segments, calls }: RecordedEpisode): Piece[] {
  const pieces: Piece[] = [];
  let call = 0;
  for (const { kind, tokens } of segments) {
    if (kind === 'observation') {
      pieces.push({ tokens, action: false, logProbs: [] });
      continue;
    }
    const sampled = calls[call];
    if (!sampled || call === calls.length - 1) throw unmatched();
    const differs = tokens.findIndex((token, i) => token !== sampled.tokens[i]);
    const same = differs < 0 ? tokens.length : differs;
    pieces.push({ tokens, action: true, logProbs: sampled.logProbs.slice(0, same) });
    call += 1;
  }
  const last = calls.at(-1);
  if (!last || call !== calls.length - 1) throw unmatched();
  pieces.push({ tokens: last.tokens, action: true, logProbs: last.logProbs });
  return pieces;
}

const unmatched = (): AppError =>
  new AppError('INTERNAL', 'The recorded responses of an episode do not match its context.', {
    fix: 'Report this with the settings of the run.',
  });
