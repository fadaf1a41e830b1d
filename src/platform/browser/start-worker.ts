/** The page's workers, each started when first needed. The bundler finds them by these very expressions. */

export const startLanguageModelWorker = (): Worker =>
  new Worker(new URL('../../../workers/lm.worker.ts', import.meta.url), { type: 'module', name: 'lm' });

export const startRetrievalWorker = (): Worker =>
  new Worker(new URL('../../../workers/retrieval.worker.ts', import.meta.url), {
    type: 'module',
    name: 'retrieval',
  });

export const startModelsWorker = (): Worker =>
  new Worker(new URL('../../../workers/models.worker.ts', import.meta.url), {
    type: 'module',
    name: 'models',
  });

export const startTrainingWorker = (): Worker =>
  new Worker(new URL('../../../workers/train.worker.ts', import.meta.url), { type: 'module', name: 'train' });

export const startTextGenerationWorker = (): Worker =>
  new Worker(new URL('../../../workers/text-generation.worker.ts', import.meta.url), {
    type: 'module',
    name: 'text-generation',
  });
