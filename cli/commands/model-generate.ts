import { deviceOption, readDevice } from '../backend';
import { decimalNumber, defineCommand, UsageError, wholeNumber, type Console } from '../command';
import { Models } from '../models';
import { readTokens } from '../token-file';
import { dtypeOption, readDType } from '../weight-type';

interface Wishes {
  maxTokens: number;
  temperature: number;
  topP: number;
  seed: number;
}

export const modelGenerate = defineCommand({
  name: 'model generate',
  positionals: 'M',
  count: [1, 1],
  summary: 'Continues a text, or sequences of token ids.',
  options: {
    prompt: { type: 'string', value: 'TEXT', help: 'raw text, without a chat template' },
    chat: { type: 'string', value: 'TEXT', help: "one message of a user, in the model's chat template" },
    tokens: { type: 'string', value: 'F.json', help: '{"input_ids": number[][]}' },
    'max-tokens': { type: 'string', value: 'N', help: 'new tokens at most; default 128' },
    temperature: { type: 'string', value: 'T', help: 'default 0: the likeliest token' },
    'top-p': { type: 'string', value: 'P', help: 'default 1' },
    seed: { type: 'string', value: 'S', help: 'default 0' },
    dtype: dtypeOption,
    device: deviceOption,
  },
  async run(values, [reference = ''], console) {
    const { prompt, chat, tokens } = values;
    if ([prompt, chat, tokens].filter((given) => given !== undefined).length !== 1) {
      throw new UsageError('`s3 model generate` takes one of --prompt, --chat and --tokens.');
    }
    const wishes: Wishes = {
      maxTokens: wholeNumber('max-tokens', values['max-tokens'], 1, 128),
      temperature: decimalNumber('temperature', values.temperature, 0),
      topP: decimalNumber('top-p', values['top-p'], 1),
      seed: wholeNumber('seed', values.seed, 0, 0),
    };
    const models = new Models(console, readDevice(values.device), readDType(values.dtype));
    try {
      if (tokens !== undefined) await continueTokens(models, reference, tokens, wishes, console);
      else await continueText(models, reference, { prompt, chat }, wishes, console);
    } finally {
      await models.dispose();
    }
  },
});

async function continueTokens(
  models: Models,
  reference: string,
  file: string,
  { maxTokens, ...sampling }: Wishes,
  console: Console,
): Promise<void> {
  const sequences = await readTokens(file);
  const { engine } = await models.openEngine(reference);
  const outputs: number[][] = [];
  for (const tokens of sequences) {
    const { signal } = console;
    const result = await engine.generateTokens({ tokens, maxNewTokens: maxTokens, sampling, signal });
    outputs.push(result.tokens);
  }
  console.out(JSON.stringify({ output_ids: outputs }));
}

async function continueText(
  models: Models,
  reference: string,
  { prompt, chat }: { prompt: string | undefined; chat: string | undefined },
  wishes: Wishes,
  console: Console,
): Promise<void> {
  const { model } = await models.open(reference);
  const text =
    chat === undefined ? { prompt: prompt ?? '' } : { messages: [{ role: 'user' as const, content: chat }] };
  const ids: number[] = [];
  for await (const event of model.generate({ ...text, ...wishes }, console.signal)) {
    if (event.type === 'delta') {
      ids.push(...(event.tokens ?? []).map(({ id }) => id));
      continue;
    }
    const { finishReason, usage } = event;
    if (console.json) console.out(JSON.stringify({ text: event.text, tokens: ids, finishReason, usage }));
    else console.out(event.text);
  }
}
