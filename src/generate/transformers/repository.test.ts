import { describe, expect, it } from 'vitest';
import { externalDataFiles, fileUrl, modelFile, resolveRepository } from './repository';

describe('the place of a model', () => {
  it('is a repository of the hub, or of a mirror of it', () => {
    const there = resolveRepository({ id: 'onnx-community/Qwen2.5-0.5B-Instruct' });
    expect(fileUrl(there, 'config.json')).toBe(
      'https://huggingface.co/onnx-community/Qwen2.5-0.5B-Instruct/resolve/main/config.json',
    );
    const mirror = resolveRepository({ id: 'a/b', revision: 'refs/pr/1', hub: 'http://127.0.0.1:9/hub//' });
    expect(fileUrl(mirror, modelFile('q4f16'))).toBe(
      'http://127.0.0.1:9/hub/a/b/resolve/refs%2Fpr%2F1/onnx/model_q4f16.onnx',
    );
  });

  it.each(['', 'qwen', '../etc/passwd', 'a/b/c', 'a/..', './b', 'a b/c', 'https://evil.example/x'])(
    'is not %j',
    (id) => expect(() => resolveRepository({ id })).toThrow('is no repository'),
  );

  it.each(['', '../x', 'a b', '-x?y'])('has no revision %j', (revision) => {
    expect(() => resolveRepository({ id: 'a/b', revision })).toThrow('is no revision');
  });
});

describe('the files of weights beside the model', () => {
  const files = (use: unknown, dtype: 'q4' | 'fp32' = 'q4'): string[] =>
    externalDataFiles({ 'transformers.js_config': { use_external_data_format: use } }, dtype);

  it('are as many as the config tells, for all types or for one', () => {
    expect(files(true)).toEqual(['onnx/model_q4.onnx_data']);
    expect(files(2)).toEqual(['onnx/model_q4.onnx_data', 'onnx/model_q4.onnx_data_1']);
    expect(files({ 'model.onnx': 3 })).toEqual([]);
    expect(files({ 'model.onnx': 3 }, 'fp32')).toHaveLength(3);
    expect(files({ model: true })).toHaveLength(1);
  });

  it('are none where it tells nothing, or nonsense', () => {
    for (const use of [false, 0, null, undefined, 'many', -1, 1.5]) expect(files(use)).toEqual([]);
    expect(externalDataFiles({}, 'q4')).toEqual([]);
    expect(externalDataFiles(null, 'q4')).toEqual([]);
    expect(files(1e9).length).toBe(100);
  });
});
