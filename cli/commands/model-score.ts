import { deviceOption, readDevice } from '../backend';
import { defineCommand, UsageError } from '../command';
import { Models } from '../models';
import { readTokens } from '../token-file';
import { dtypeOption, readDType } from '../weight-type';

export const modelScore = defineCommand({
  name: 'model score',
  positionals: 'M',
  count: [1, 1],
  summary: 'Prints the log-probability of every token after the first, as JSON.',
  options: {
    tokens: { type: 'string', value: 'F.json', help: '{"input_ids": number[][]} (required)' },
    adapter: { type: 'string', value: 'DIR', help: 'a PEFT adapter (LoRA) that is put on the model' },
    dtype: dtypeOption,
    device: deviceOption,
  },
  async run(values, [reference = ''], console) {
    if (values.tokens === undefined) throw new UsageError('`s3 model score` needs --tokens F.json.');
    const models = new Models(console, readDevice(values.device), readDType(values.dtype));
    const sequences = await readTokens(values.tokens);
    try {
      const { adapter } = values;
      const { engine } = await models.openEngine(reference, adapter);
      const logprobs: number[][] = [];
      for (const tokens of sequences) {
        const { signal } = console;
        const scores = await engine.scoreTokens(tokens, {
          signal,
          ...(adapter !== undefined && { adapter }),
        });
        logprobs.push(Array.from(scores));
      }
      console.out(JSON.stringify({ logprobs }));
    } finally {
      await models.dispose();
    }
  },
});
