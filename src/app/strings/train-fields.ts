import type { FieldGroup, FieldUnit } from '../../state/train-fields';

/** Each field of the recipe by its label and the sentence that explains it. */
export const fieldWords: Readonly<Record<string, readonly [string, string]>> = {
  'searcher.model': ['Searcher', 'The model that learns to search. Training begins from it as it is.'],
  system: [
    'Agent',
    'How it searches: s3 selects what a frozen generator reads, Search-R1 searches and answers itself, DeepRetrieval writes one query.',
  ],
  'searcher.adapter': [
    'Adapter to begin from',
    'Training goes on from this adapter instead of from a fresh one.',
  ],
  'questions.source': ['Questions', 'What the searcher practises on. Each needs its expected answers.'],
  'questions.filter': [
    'Leave out what teaches nothing',
    'Questions that plain RAG solves already, and yes/no ones, which a coin solves half the time, are left out.',
  ],
  'questions.limit': ['At most', 'Takes only the first questions of the set. Empty: all of them.'],
  corpus: [
    'Corpus',
    'Where the searcher searches. It should hold the answers to the questions. PubMed and ClinicalTrials.gov are asked over the network.',
  ],
  'ppo.run.steps': [
    'Steps',
    'Where the run ends. Empty: when its epochs are through. The paper’s searcher was good after 20 of 120 questions each.',
  ],

  'reward.kind': [
    'Rewarded for',
    'Gain beyond RAG rewards only what plain RAG does not do already. The others ignore plain RAG.',
  ],
  'reward.form': [
    'Form',
    'The paper subtracts plain RAG’s accuracy from the searcher’s; the published code counts the searcher’s twice.',
  ],
  'reward.accuracy': [
    'Accuracy by',
    'GenAcc accepts an answer that contains an expected one, and asks the generator to judge the rest.',
  ],
  'reward.tiers': [
    'Tiers',
    'By the recall of gold passages, or by the rank of the first passage that holds an answer.',
  ],
  'reward.formula': [
    'Formula',
    'Your own reward from the facts of a rollout, such as accuracy - 0.1 * searches.',
  ],
  'reward.format': [
    'Also for the format',
    'Points of its own for a response in the format that was asked for.',
  ],
  generator: ['Generator', 'The frozen model that answers from what was kept, and judges answers.'],

  'searcher.weights': [
    'Base weights in',
    'The frozen base may be quantised: q4 takes an eighth of f32’s memory. What is trained stays f32.',
  ],
  'trained.kind': [
    'What is trained',
    'An adapter (LoRA) is small, quick to save and goes to other programs. The whole model only for small models.',
  ],
  'trained.rank': ['Rank', 'The width of the adapter’s matrices: more can learn more, and costs more.'],
  'trained.alpha': ['Alpha', 'The adapter’s strength: it is scaled by alpha ÷ rank.'],
  'trained.modules': ['Adapted layers', 'Which linear layers get an adapter. All seven learn best.'],
  criticRank: [
    'Critic’s rank',
    'Rank of the critic’s own adapter. 0: only its head learns, on the untrained model’s last layer.',
  ],
  device: ['Runs on', 'Automatic takes a GPU where there is one, else the CPU.'],

  retrieval: ['Retrieval', 'Dense finds by meaning, BM25 by words, hybrid joins both rankings.'],
  'ppo.search.topK': ['Found per query', 'How many documents a query brings before the searcher.'],
  'ppo.search.maxTurns': ['Turns', 'How often it may search before it must stop.'],
  'agent.documentsSelected': ['Kept per turn', 'How many documents it is asked to keep at most. Empty: 3.'],
  'agent.promptStyle': [
    'Instructions',
    'Compact for the demo’s model, which was trained on them; full for any other.',
  ],
  'ppo.sampling.temperature': [
    'Temperature',
    'How freely it tries things out in rollouts. At 0 there is nothing to learn from.',
  ],
  'ppo.sampling.topP': ['Top-p', 'Tokens beyond this share of probability are never tried. 1: all are.'],
  'ppo.lengths.start': ['Prompt kept', 'How much of the prompt’s end a training sequence keeps.'],
  'ppo.lengths.prompt': ['Window', 'How much the searcher sees at once, from the end.'],
  'ppo.lengths.response': ['Response', 'How much it may write in one turn.'],
  'ppo.lengths.observation': ['Observation', 'How much of what was found is shown in one turn.'],

  'ppo.batch.prompts': ['Questions a step', 'More make each step steadier and longer.'],
  'ppo.batch.rolloutsPerPrompt': [
    'Rollouts a question',
    'How often each question is tried. Group advantages compare these with one another.',
  ],
  'ppo.batch.miniBatch': ['Mini-batch', 'Questions of one update. Must divide the questions of a step.'],
  'ppo.batch.epochs': ['Passes', 'How often each step’s rollouts are learned from.'],
  'ppo.batch.actorMicroBatch': [
    'Policy’s micro-batch',
    'Sequences that go through the policy at once: a matter of memory, not of the result.',
  ],
  'ppo.batch.criticMicroBatch': ['Critic’s micro-batch', 'Sequences that go through the critic at once.'],
  'ppo.batch.logProbMicroBatch': [
    'Scoring micro-batch',
    'Sequences whose log-probabilities are computed at once.',
  ],
  'ppo.batch.shuffleMiniBatches': ['Shuffle mini-batches', 'Takes the rollouts of a step in a random order.'],

  'ppo.actor.learningRate': [
    'Policy’s learning rate',
    'The size of its updates. Adapters take about a hundred times what whole models take.',
  ],
  'ppo.actor.warmUpSteps': ['Its warm-up', 'Steps over which the rate rises from 0.'],
  'ppo.actor.annealSteps': [
    'Falls to 0 over',
    'Steps after which its rate has fallen to 0. Empty: it stays.',
  ],
  'ppo.critic.annealSteps': [
    'Falls to 0 over',
    'Steps after which its rate has fallen to 0. Empty: it stays.',
  ],
  'ppo.critic.learningRate': [
    'Critic’s learning rate',
    'The size of its updates; usually larger than the policy’s.',
  ],
  'ppo.critic.warmUpSteps': ['Its warm-up', 'Steps over which the rate rises from 0.'],
  'ppo.criticWarmUpSteps': [
    'Critic learns alone for',
    'Steps in which the policy waits until the critic knows something.',
  ],
  'ppo.gradientClip': ['Gradient clip', 'Longer gradients are scaled down to this length.'],
  'ppo.adamW.beta1': ['AdamW β₁', 'How long the gradient’s mean remembers.'],
  'ppo.adamW.beta2': ['AdamW β₂', 'How long the gradient’s variance remembers.'],
  'ppo.adamW.epsilon': ['AdamW ε', 'Keeps small variances from making huge steps.'],
  'ppo.adamW.weightDecay': ['Weight decay', 'Draws weights towards 0.'],

  'ppo.advantage.kind': [
    'Advantages by',
    'GAE uses a critic; GRPO, RLOO and REINFORCE++ compare rollouts instead and need none.',
  ],
  'ppo.advantage.gamma': [
    'Discount γ',
    'How much later rewards count. 1: the one at the end counts everywhere.',
  ],
  'ppo.advantage.lambda': ['GAE λ', 'From 0, trust the critic, to 1, trust what really came.'],
  'ppo.advantage.observations': [
    'Observation tokens',
    'Skipped: credit flows from one response to the next. All: through the found documents, token by token.',
  ],
  'ppo.advantage.normalise': [
    'Divide by the group’s spread',
    'As GRPO does; without it, easy questions weigh less.',
  ],
  'ppo.advantage.baseline': ['Baseline', 'What is taken off a reward: nothing, or the mean of its question.'],
  'ppo.advantage.epsilon': ['Spread’s floor', 'Keeps groups of equal rewards from being divided by 0.'],
  'ppo.whitening': [
    'Whitened over',
    'Over which tokens advantages get mean 0 and spread 1: what it wrote, observations too, or not at all.',
  ],
  'ppo.whitenEach': ['Whitened together', 'All tokens of the step, or those of each mini-batch by itself.'],
  'ppo.scorePlace': ['Reward goes to', 'The last token of the response, or the state after it.'],
  'ppo.clip.low': ['Clip below', 'How far a token’s probability may fall in one step, as a share.'],
  'ppo.clip.high': ['Clip above', 'How far it may rise.'],
  'ppo.clip.dual': ['Dual clip', 'Bounds the loss of bad tokens that became likely. Empty: no bound.'],
  'ppo.clip.logRatioLimit': [
    'Bound of the log-ratio',
    'Cuts far ratios before they overflow. Empty: no bound.',
  ],
  'ppo.entropyCoefficient': ['Entropy bonus', 'Rewards openness a little, so that it goes on trying.'],
  'ppo.kl.place': [
    'KL penalty in',
    'What keeps the searcher close to the untrained model: part of the reward, part of the loss, or nothing.',
  ],
  'ppo.kl.estimator': [
    'KL estimator',
    'The first, k1, is exact on average; k3 is never negative and steadier.',
  ],
  'ppo.kl.controller.kind': ['KL weight', 'Fixed, or steered towards a target distance.'],
  'ppo.kl.controller.coefficient': ['KL coefficient', 'How much distance costs.'],
  'ppo.kl.controller.initial': ['First coefficient', 'Where the steering begins.'],
  'ppo.kl.controller.target': ['Target KL', 'The distance per token that is steered to.'],
  'ppo.kl.controller.horizon': ['Horizon', 'Over how many sequences it is steered.'],
  'ppo.aggregation': ['Loss is the mean of', 'Whether long rollouts weigh more than short ones.'],
  'ppo.meanOver': ['Taken over', 'Each micro-batch for itself, as early verl did, or the whole mini-batch.'],

  'ppo.valueMask': ['Values at', 'On which tokens the critic learns.'],
  'ppo.valueCoefficient': [
    'Value loss’s weight',
    'A factor on the value loss before its gradient is clipped. Empty: 1.',
  ],
  'ppo.valueClip': ['Value clip', 'How far a prediction may move in one step.'],

  'ppo.run.epochs': ['Epochs', 'How often the questions are gone through, unless the steps end it before.'],
  'ppo.run.saveEvery': ['Checkpoint every', 'The newest two are kept, and those that you keep.'],
  'ppo.run.saveAt': ['Keep those at', 'Steps whose checkpoint is kept, such as 20, 50.'],
  'ppo.seed': ['Seed', 'The number from which all random choices follow. Same seed, same run.'],
};

export const fieldGroupWords = {
  what: 'What it practises',
  reward: 'Reward',
  model: 'Model and adapter',
  search: 'Search and sampling',
  batch: 'Batches',
  optimiser: 'Learning rates',
  policy: 'Policy optimisation',
  value: 'Critic',
  run: 'Course of the run',
} as const satisfies Record<FieldGroup, string>;

export const unitWords = {
  tokens: 'tokens',
  steps: 'steps',
  questions: 'questions',
  documents: 'documents',
  turns: 'turns',
  sequences: 'sequences',
  rollouts: 'rollouts',
} as const satisfies Record<FieldUnit, string>;

/** Words of the options of a choice, by path and option; an option without words is shown as it is. */
export const optionWords: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'reward.kind': {
    'gain-beyond-rag': 'gain beyond RAG',
    answer: 'the answer alone',
    'recall-tiers': 'recall, in tiers',
    formula: 'a formula of yours',
  },
  'reward.format': { '': 'no', 'search-r1': 'points as Search-R1 0.3 has them' },
  system: { '': 's3', 'search-r1': 'Search-R1', deepretrieval: 'DeepRetrieval' },
  'reward.form': { paper: 'paper: acc − acc of RAG', code: 'code: 2·acc − acc of RAG' },
  'reward.tiers': {
    '': 'automatic',
    literature: 'recall of gold passages',
    nq: 'rank, as for NQ',
    squad: 'rank, as for SQuAD',
  },
  'reward.accuracy': {
    genacc: 'GenAcc: contained, else judged',
    span: 'contained',
    judge: 'judged',
    em: 'exact match',
    f1: 'F1',
  },
  'searcher.weights': { '': 'as stored' },
  'trained.kind': { adapter: 'an adapter (LoRA)', model: 'the whole model' },
  device: { auto: 'automatic', webgpu: 'WebGPU', cpu: 'the CPU' },
  'agent.promptStyle': { compact: 'compact', full: 'full, as s3 gives them' },
  retrieval: { dense: 'dense', bm25: 'BM25', hybrid: 'hybrid' },
  'ppo.advantage.kind': { gae: 'GAE', grpo: 'GRPO', rloo: 'RLOO', 'reinforce++': 'REINFORCE++' },
  'ppo.advantage.observations': { all: 'steps like others', skip: 'skipped' },
  'ppo.advantage.baseline': { none: 'nothing', group: 'mean of the question' },
  'ppo.whitening': {
    actions: 'what it wrote',
    response: 'observations too',
    shifted: 'observations too, one on',
    none: 'not whitened',
  },
  'ppo.whitenEach': { '': 'the step', 'mini-batch': 'each mini-batch' },
  'ppo.scorePlace': { '': 'the last token', after: 'the state after it' },
  'ppo.valueMask': { actions: 'what it wrote', response: 'observations too', shifted: 'one token on' },
  'ppo.kl.place': { reward: 'the reward', loss: 'the loss', none: 'nothing' },
  'ppo.kl.controller.kind': { fixed: 'fixed', adaptive: 'steered' },
  'ppo.aggregation': {
    'token-mean': 'tokens',
    'sequence-mean-token-sum': 'sums of sequences',
    'sequence-mean-token-mean': 'means of sequences',
    'token-sum-norm': 'tokens ÷ a fixed length',
  },
  'ppo.meanOver': { 'micro-batch': 'each micro-batch', 'mini-batch': 'the mini-batch' },
};
