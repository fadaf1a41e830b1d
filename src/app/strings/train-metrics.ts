import type { MetricGroup, MetricName } from '../../train/records';

/** Each metric by its name and the sentence that explains it. */
export const metricWords = {
  score: [
    'Mean reward',
    'What the policy is rewarded with, averaged over the step’s rollouts. It should rise.',
  ],
  accuracy: ['Accuracy', 'How often the generator is right with what the searcher kept.'],
  baselineAccuracy: [
    'Plain RAG',
    'How often plain RAG is right on the same questions. What the searcher must beat; the filter makes it 0.',
  ],
  gainShare: ['Gains', 'The share of rollouts that were right where plain RAG was wrong.'],
  lossShare: [
    'Losses',
    'The share of rollouts that were wrong where plain RAG was right. It should be near 0.',
  ],
  formatShare: [
    'Well-formed',
    'The share of rollouts whose every response could be read. A searcher that forgets its format learns nothing else.',
  ],

  policyLoss: [
    'Policy loss',
    'The clipped objective with its sign turned. It stays around 0 and need not fall: each step has new rollouts.',
  ],
  entropy: [
    'Entropy',
    'How open the choice of each token is, in nats. It falls slowly as the searcher becomes sure; at 0 it no longer explores.',
  ],
  clipFraction: [
    'Clip fraction',
    'The share of tokens whose probability moved past the clip. Above a fifth, the learning rate is too high or there are too many epochs.',
  ],
  approximateKl: [
    'KL to sampling',
    'How far the update moved the policy from the one that wrote the rollouts, per token. Past 0.02, a step is too large.',
  ],
  referenceKl: [
    'KL to reference',
    'How far the policy has moved from the untrained model, per token. It should rise slowly; a jump means that it found a trick.',
  ],
  klCoefficient: ['KL coefficient', 'The weight of that distance. Fixed, or steered towards a target.'],
  ratioDeviation: [
    'Ratio − 1',
    'How far the probability ratio of new to old policy is from 1, on average. It is 0 in the first pass and stays close.',
  ],
  policyGradientNorm: [
    'Gradient norm',
    'The length of the policy’s gradient before it is clipped. Above the clip, it is scaled down to it.',
  ],
  policyLearningRate: ['Learning rate', 'The step size of the policy: it warms up, then stays.'],

  valueLoss: ['Value loss', 'How badly the critic foresees the return. It should fall and stay low.'],
  explainedVariance: [
    'Explained variance',
    'How much of the returns’ variance the critic foresees: 1 is all of it, 0 no more than their mean, below 0 worse than that.',
  ],
  valueClipFraction: [
    'Value clip fraction',
    'The share of value predictions that moved past their clip. Above a fifth, the critic’s learning rate is too high.',
  ],
  valueGradientNorm: ['Gradient norm', 'The length of the critic’s gradient before it is clipped.'],
  valueMean: ['Mean value', 'What the critic expects on average. It should follow the mean return.'],
  returnMean: [
    'Mean return',
    'What came back on average: the reward less the KL penalty that is part of it.',
  ],

  turns: [
    'Turns',
    'How many turns the searcher takes. More is not better: it should stop when it has enough.',
  ],
  searches: ['Searches', 'How many queries it sends, the first one with the question itself not counted.'],
  selectedDocuments: ['Kept', 'How many documents it keeps for the generator.'],
  contextTokens: ['Context', 'How many tokens the generator reads. Fewer for the same accuracy is better.'],
  responseTokens: ['Response', 'How many tokens the searcher writes in a rollout.'],
  invalidActions: [
    'Invalid actions',
    'Responses per rollout that hold neither a query nor a stop. It should go to 0 early.',
  ],
  goldInContext: [
    'Gold in context',
    'How often a gold passage reached the generator, where gold passages are known.',
  ],
  failedRollouts: [
    'Failed rollouts',
    'Rollouts that a retriever or generator broke. They are left out of the update; there should be none.',
  ],

  rolloutSeconds: ['Rollouts', 'Time in which the searcher searches and writes.'],
  rewardSeconds: ['Rewards', 'Time in which the generator answers and answers are judged.'],
  logProbSeconds: ['Log-probabilities', 'Time to recompute them under policy and reference.'],
  criticSeconds: ['Critic', 'Time of the critic’s update.'],
  actorSeconds: ['Policy update', 'Time of the policy’s update.'],
  checkpointSeconds: ['Checkpoint', 'Time to save a checkpoint, where the step saved one.'],
  stepSeconds: ['Step', 'Time of the whole step.'],
  rolloutTokensPerSecond: ['Sampling', 'Tokens sampled per second, all sequences together.'],
  trainTokensPerSecond: ['Training', 'Tokens per second through forward and backward pass.'],
  liveBytes: ['Device memory', 'Memory in use on the device at the step’s peak. It should stay flat.'],
  heapBytes: ['JavaScript heap', 'Memory of the worker outside the device. It should stay flat.'],
  samplerDeviation: [
    'Sampler deviation',
    'How far the log-probabilities of sampling are from those recomputed for training. More than rounding means that one of them is wrong.',
  ],
} as const satisfies Record<MetricName, readonly [string, string]>;

export const groupWords = {
  reward: ['Reward', 'What training is for.'],
  policy: ['Policy', 'Whether the searcher changes at a healthy pace.'],
  value: ['Value', 'Whether the critic foresees what a rollout will bring.'],
  search: ['Search behaviour', 'What the searcher does differently.'],
  system: ['System', 'What it costs.'],
} as const satisfies Record<MetricGroup, readonly [string, string]>;
