/** Situations of the Train page by name: `?training=full` on the scripted page (`vite build --mode scripted`). */
import { defaultRunConfig } from '../train/runs/default-config';
import type { TrainingScript } from './train-scripted';

const small = defaultRunConfig();
const slower = { ...small.ppo, actor: { ...small.ppo.actor, learningRate: 5e-5 } };
const grpo = {
  ...small.ppo,
  advantage: { kind: 'grpo' as const, normalise: true, epsilon: 1e-6 },
  batch: { ...small.ppo.batch, rolloutsPerPrompt: 4 },
  critic: undefined,
};

const RUNS = [
  { id: 'run-b', name: 'Demo, half the learning rate', steps: 26, status: 'paused', change: { ppo: slower } },
  { id: 'run-c', name: 'Demo with GRPO', steps: 31, status: 'stopped', change: { ppo: grpo } },
  { id: 'run-a', name: 'Demo run', steps: 40, status: 'finished' },
] as const;

export const TRAINING_SCRIPTS: Readonly<Record<string, TrainingScript>> = {
  full: { runs: RUNS },
  interrupted: { runs: [{ id: 'run-i', name: 'Overnight', steps: 17, status: 'running' }, ...RUNS] },
  unknown: { questions: { unknown: 940, solved: 340, left: 1_912 } },
  lost: {
    runs: [{ id: 'run-l', name: 'Demo run', steps: 12, status: 'paused' }],
    failAt: {
      step: 13,
      error: {
        code: 'DEVICE_LOST',
        message: 'The graphics device was lost in step 13.',
        fix: 'Nothing since the checkpoint of step 10 is kept. Go on from it.',
        recoverable: true,
      },
    },
  },
  nan: {
    runs: [{ id: 'run-n', name: 'Demo run', steps: 12, status: 'paused' }],
    failAt: {
      step: 13,
      error: {
        code: 'INTEGRITY',
        message: 'A number of model.layers.2.mlp.down_proj.lora_A became NaN in step 13.',
        fix: 'The checkpoint of step 10 is sound. Go on from it with a lower learning rate.',
        recoverable: true,
      },
    },
  },
  tiers: {
    runs: [
      { id: 'run-t', name: 'Queries', steps: 8, status: 'paused', change: defaultRunConfig('deepretrieval') },
    ],
  },
  elsewhere: { runs: [{ id: 'run-e', name: 'Demo run', steps: 9, status: 'running', owner: 'elsewhere' }] },
};
