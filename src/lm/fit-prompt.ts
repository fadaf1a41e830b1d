import { AppError } from '../protocol/errors';

export interface PromptToFit {
  tokens: readonly number[];
  maxNewTokens: number;
  /** An upper bound of its own. */
  maxPromptTokens?: number;
}

/**
 * The prompt's last tokens, as many as leave room for the new ones.
 * @throws AppError BAD_INPUT, CONTEXT_TOO_LONG
 */
export function fitPrompt(
  { tokens, maxNewTokens, maxPromptTokens }: PromptToFit,
  maxContext: number,
): readonly number[] {
  if (!Number.isSafeInteger(maxNewTokens) || maxNewTokens < 1) {
    throw new AppError('BAD_INPUT', `${maxNewTokens} new tokens cannot be generated.`, {
      fix: 'Ask for at least one token.',
    });
  }
  const room = Math.min(maxContext - maxNewTokens, maxPromptTokens ?? Infinity);
  if (room < 1) {
    const message = `${maxNewTokens} new tokens leave no room for a prompt in a context of ${maxContext}.`;
    throw new AppError('CONTEXT_TOO_LONG', message, {
      fix: 'Ask for fewer new tokens, or load the model with a longer context.',
      context: { maxContext, maxNewTokens },
    });
  }
  return tokens.slice(-room);
}
