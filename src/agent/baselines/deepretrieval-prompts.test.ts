import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { REWRITE_PROMPTS, rewriteTemplate, type RewritePrompt } from './deepretrieval-prompts';

/** Bytes and the first 16 hex digits of SHA-256 of the originals, slots unfilled. */
const ORIGINALS: Record<RewritePrompt, [bytes: number, sha256: string]> = {
  pubmed: [1335, '41de80c19e22bf16'],
  ctgov: [1256, 'f34dc3fd8a027664'],
  llama: [1282, 'a62b61971328d02a'],
  nq: [736, 'ca505af8f6b11382'],
  triviaqa: [791, '90e420e18b948f6e'],
  'beir:scifact': [697, '6e08872ac272afab'],
  'beir:fever': [677, '53b9d05ffb9a8127'],
  'beir:nfcorpus': [689, 'ece90f7bec9a3e32'],
  'beir:hotpotqa': [694, '904aaa97e18825d9'],
  'beir:fiqa': [705, 'f6e897b852a39de4'],
  'beir:msmarco': [685, 'dfc483e278188fbb'],
  'beir-dense:scifact': [706, '58f64e20be4eaae5'],
  'beir-dense:fever': [738, '16d5f9cc40d643df'],
  'beir-dense:nfcorpus': [750, 'e8d2176cf0e9310a'],
  'beir-dense:hotpotqa': [755, '9e3a9a63d816a38d'],
  'beir-dense:msmarco': [780, '2a051be9a5c058fb'],
  bird: [828, '45b54864b7d756ba'],
  spider: [796, 'dafb249874bf235d'],
};

describe.each(REWRITE_PROMPTS)('the prompt %s', (prompt) => {
  it('is the one its checkpoints were trained on, byte for byte', () => {
    const { raw } = rewriteTemplate(prompt);
    const bytes = Buffer.from(raw, 'utf8');
    const sha256 = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    expect([bytes.length, sha256]).toEqual(ORIGINALS[prompt]);
  });

  it('ends with an opened thought, as messages too', () => {
    const { user, raw, system } = rewriteTemplate(prompt);
    expect(user.trimEnd().endsWith('<think>')).toBe(true);
    expect(raw.trimEnd().endsWith('<think>')).toBe(true);
    expect(raw).toContain(system);
    expect(`${system}${user}`).not.toContain('<|');
  });
});

it('refuses a prompt that does not exist', () => {
  expect(() => rewriteTemplate('beir:nothing' as RewritePrompt)).toThrow(/no prompt/);
});
