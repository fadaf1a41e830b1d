import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChatTemplate } from './chat-template';

const folder = join(process.env['S3_DATA'] ?? '../shared/data', 'tokenizers', 'qwen2');
const template = new ChatTemplate(readFileSync(join(folder, 'chat_template.jinja'), 'utf8'));

describe('the chat template of Qwen2.5', () => {
  it('puts its own system message in front where there is none', () => {
    expect(template.render([{ role: 'user', content: 'Hi' }])).toBe(
      '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' +
        '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
    );
  });

  it('keeps the system message it is given, and the order of the turns', () => {
    const text = template.render([
      { role: 'system', content: 'S' },
      { role: 'user', content: 'U' },
      { role: 'assistant', content: 'A' },
      { role: 'user', content: 'V' },
    ]);
    expect(text).toBe(
      '<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n' +
        '<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n',
    );
  });
});
