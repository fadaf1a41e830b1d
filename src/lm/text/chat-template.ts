/**
 * Renders a conversation with the model's own chat template (Jinja, from `tokenizer_config.json`). Templates come with foreign
 * models: they are interpreted with bounded steps and sizes, and without a clock.
 */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { AppError } from '../../protocol/errors';
import type { ChatMessage } from '../../protocol/language-model';
import type { TextTokenizer } from './tokenizer';

const MAX_TEMPLATE_CHARACTERS = 128 * 1024;
const MAX_STEPS = 100_000;
const MAX_TEXT_CHARACTERS = 8 * 1024 * 1024;
const MAX_RANGE = 1_000;

class Excess extends Error {}

type Evaluate = Interpreter['evaluate'];

/** Stops a template that loops or grows without end; all work of an interpreter passes through `evaluate`. */
class BoundedInterpreter extends Interpreter {
  #steps = 0;

  override evaluate(...[statement, environment]: Parameters<Evaluate>): ReturnType<Evaluate> {
    if (++this.#steps > MAX_STEPS) throw new Excess('it does not come to an end');
    const result = super.evaluate(statement, environment);
    const { value } = result;
    const isLarge = (typeof value === 'string' || Array.isArray(value)) && value.length > MAX_TEXT_CHARACTERS;
    if (isLarge) throw new Excess('it makes texts without end');
    return result;
  }
}

/** Python's `range` with one to three numbers. */
function range(start: number, stop?: number, step = 1): number[] {
  const from = stop === undefined ? 0 : start;
  const to = stop ?? start;
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= MAX_RANGE)) throw new Excess(`it asks for a range of ${count}`);
  return Array.from({ length: count }, (_, i) => from + i * step);
}

class Refusal extends Error {}

function baseEnvironment(): Environment {
  const environment = new Environment();
  const globals: Record<string, unknown> = {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
  };
  for (const [name, value] of Object.entries(globals)) environment.set(name, value);
  environment.set('range', range);
  environment.set('raise_exception', (message: unknown) => {
    throw new Refusal(String(message));
  });
  return environment;
}

export interface ChatVariables {
  bosToken?: string | undefined;
  eosToken?: string | undefined;
}

export class ChatTemplate {
  readonly #program: ReturnType<typeof parse>;

  /** @throws AppError BAD_INPUT where the template is not Jinja */
  constructor(source: string) {
    if (source.length > MAX_TEMPLATE_CHARACTERS) {
      throw broken(`it is ${source.length} characters long, more than ${MAX_TEMPLATE_CHARACTERS}`);
    }
    try {
      this.#program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
    } catch (error) {
      throw broken(reasonOf(error), error);
    }
  }

  /**
   * The template of a model: a file of its own (`chat_template.jinja`) goes before the entry in `tokenizer_config.json`, which is
   * one template or a list of named ones, of which `default` is taken.
   * @returns undefined where the model has none (a base model)
   */
  static find(tokenizerConfig: unknown, templateFile?: string): ChatTemplate | undefined {
    if (templateFile !== undefined) return new ChatTemplate(templateFile);
    const entry =
      typeof tokenizerConfig === 'object' && tokenizerConfig !== null && 'chat_template' in tokenizerConfig
        ? tokenizerConfig.chat_template
        : undefined;
    if (entry === undefined || entry === null) return undefined;
    if (typeof entry === 'string') return new ChatTemplate(entry);
    const named: unknown[] = Array.isArray(entry) ? entry : [];
    const templates = named.filter(
      (item): item is { name: string; template: string } =>
        typeof item === 'object' &&
        item !== null &&
        'name' in item &&
        'template' in item &&
        typeof item.template === 'string',
    );
    const chosen = templates.find(({ name }) => name === 'default') ?? templates[0];
    if (!chosen) throw broken('tokenizer_config.json holds something else in its place');
    return new ChatTemplate(chosen.template);
  }

  /**
   * The conversation as text, with the beginning of the assistant's turn at its end.
   * @throws AppError BAD_INPUT where the template fails, refuses the conversation, or does not come to an end
   */
  render(messages: readonly ChatMessage[], { bosToken = '', eosToken = '' }: ChatVariables = {}): string {
    const environment = baseEnvironment();
    const variables = {
      messages: messages.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: true,
      bos_token: bosToken,
      eos_token: eosToken,
      tools: null,
    };
    let text: unknown;
    try {
      for (const [name, value] of Object.entries(variables)) environment.set(name, value);
      text = new BoundedInterpreter(environment).run(this.#program).value;
    } catch (error) {
      if (error instanceof Refusal) {
        throw new AppError(
          'BAD_INPUT',
          `The model's chat template refuses this conversation: ${error.message}`,
          {
            fix: 'The model expects another order of messages; choose another model.',
          },
        );
      }
      throw broken(reasonOf(error), error);
    }
    if (typeof text !== 'string') throw broken('it gives no text');
    return text;
  }
}

const reasonOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0]?.slice(0, 200) ?? '';
};

function broken(reason: string, cause?: unknown): AppError {
  return new AppError('BAD_INPUT', `The model's chat template cannot be used: ${reason}.`, {
    fix: "Check the model's tokenizer_config.json, or choose another model.",
    ...(cause !== undefined && { cause }),
  });
}

/** A code point that stands for nothing and may not be exchanged in text; it marks cuts and is gone after encoding. */
const CUT = '\uFDD0';

/**
 * Tokens of a rendered conversation. The names of special tokens that the template writes become those tokens; the same names
 * inside a message stay text, so that a document quoted there cannot end the turn or open another one.
 */
export function encodeChat(
  tokenizer: TextTokenizer,
  template: ChatTemplate,
  messages: readonly ChatMessage[],
): number[] {
  const marked = messages.map(({ role, content }) => {
    const text = content.replaceAll(CUT, '');
    let from = 0;
    const pieces: string[] = [];
    for (const cut of [...tokenizer.specialCuts(text), text.length]) {
      pieces.push(text.slice(from, cut));
      from = cut;
    }
    return { role, content: pieces.join(CUT) };
  });
  const { bosToken, eosToken } = tokenizer;
  const text = template.render(marked, { bosToken, eosToken });
  return text.split(CUT).flatMap((piece) => tokenizer.encode(piece));
}
