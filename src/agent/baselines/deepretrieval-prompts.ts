/**
 * The prompts that DeepRetrieval's checkpoints were trained on (arXiv 2503.00223), byte for byte: their odd wording, their
 * blanks at line ends and their markers are part of what the models know. Checked against SHA-256 sums of the originals.
 */
import { AppError } from '../../protocol/errors';

const FAMILIES = ['pubmed', 'ctgov', 'llama', 'nq', 'triviaqa', 'bird', 'spider'] as const;
const SPARSE = ['scifact', 'fever', 'nfcorpus', 'hotpotqa', 'fiqa', 'msmarco'] as const;
const DENSE = ['scifact', 'fever', 'nfcorpus', 'hotpotqa', 'msmarco'] as const;

type SparseSet = (typeof SPARSE)[number];
type DenseSet = (typeof DENSE)[number];
/** `llama`: PubMed and ClinicalTrials for Llama-3.2. `triviaqa`: SQuAD's as well. `beir:` for BM25, `beir-dense:` for vectors. */
export type RewritePrompt = (typeof FAMILIES)[number] | `beir:${SparseSet}` | `beir-dense:${DenseSet}`;

export const REWRITE_PROMPTS: readonly RewritePrompt[] = [
  ...FAMILIES,
  ...SPARSE.map((set) => `beir:${set}` as const),
  ...DENSE.map((set) => `beir-dense:${set}` as const),
];

/** A template in its parts; `raw` is what the model was trained on. */
export interface RewriteTemplate {
  /** With the slots `{P} {I} {C} {O}`, `{question}`, `{schema}`, `{knowledge}`. */
  raw: string;
  /** The system sentence, and the user's turn with the lead-in of the answer at its end, for delivery as messages. */
  system: string;
  user: string;
  /** The field of the answer's JSON that holds the query. */
  key: 'query' | 'sql';
}

const THINKING_LINES = '<think>\n[thinking process]\n</think>\n';
const exampleAnswer = (key: string, value: string): string =>
  `<answer>\n{\n    "${key}": "${value}"\n} \n</answer>. \n`;
const NOTE =
  'Note: The query should use Boolean operators (AND, OR) and parentheses for grouping terms appropriately.';

const CONVERSATION =
  'A conversation between User and Assistant. The User asks a question, and the Assistant solves it. The Assistant first thinks about the reasoning process in the mind and then provides the User with the answer.';
const STEP_BY_STEP = 'Assistant: Let me solve this step by step. \n<think>';

const CLINICAL = `
The Assistant is a clinical specialist. He is conducting research and doing a medical literature review. His task is to create query terms for a search URL to find relevant literature on PubMed or ClinicalTrials.gov.

The research is defined using the PICO framework:
P: Patient, Problem or Population - Who or what is the research about?
I: Intervention - What is the main intervention or exposure being considered?
C: Comparison - What is the intervention being compared to?
O: Outcome - What are the relevant outcomes or effects being measured?

The Assistant should show his thinking process in <think> </think> tags. The Assistant should return the final answer in JSON format in <answer> </answer> tags, 
For example:
${THINKING_LINES}${exampleAnswer('query', '....')}${NOTE}

`;
const PICO = 'The research is defined by the following PICO:\nP: {P}\nI: {I}\nC: {C}\nO: {O}\n';

const chat = (system: string, user: string): string =>
  `<|im_start|>system\n${system}<|im_end|>\n<|im_start|>user\n${user}`;
const TURN_OVER = '<|im_end|>\n<|im_start|>assistant\n';

function clinical(family: 'pubmed' | 'ctgov' | 'llama'): RewriteTemplate {
  const lead = `${STEP_BY_STEP}\n`;
  const user = `${CLINICAL}User: ${PICO}`;
  const parts = { system: CONVERSATION, user: `${user}\n${lead}`, key: 'query' } as const;
  if (family === 'pubmed') return { ...parts, raw: `${chat(CONVERSATION, user)}${TURN_OVER}\n${lead}` };
  if (family === 'ctgov') return { ...parts, raw: `${CONVERSATION}\n${user}\n${lead}` };
  const bare = `${CLINICAL}${PICO}\n\n${STEP_BY_STEP}`;
  return { ...parts, user: bare, raw: `<|begin_of_text|>System: ${CONVERSATION}\n\nUser: ${bare}` };
}

/** "thinks … provides" in some data sets, "think … provide" in others. */
const helpful = (s: 's' | ''): string =>
  `You are a helpful assistant. You first think${s} about the reasoning process in the mind and then provide${s} the user with the answer.`;
const SHOW_WORK =
  'Show your work in <think> </think> tags. Your final response must be in JSON format within <answer> </answer> tags. For example,\n';

function evidence(where: string, noteEnd: string): RewriteTemplate {
  const user = `
You are a query rewriting expert. Your task is to create query terms for user query to find relevant literature in a ${where}.

${SHOW_WORK}${THINKING_LINES}${exampleAnswer('query', '....')}${NOTE}${noteEnd}

Here's the user query:
{question}
Assistant: Let me rewrite the query with reasoning. \n<think>\n`;
  return { raw: chat(helpful('s'), user), system: helpful('s'), user, key: 'query' };
}

const GENERATION = 'You are an expert in query generation.';
const SPARSE_TASKS: Record<SparseSet, { task: string; label: string; s?: 's' }> = {
  scifact: {
    task: 'You are a query generating expert. Given a scientific claim, your task is to create query terms to retrieve documents that support or refute the claim.',
    label: 'scientific claim',
    s: 's',
  },
  fever: {
    task: `${GENERATION} Given a claim, your task is to create query terms to retrieve documents that support or refute the claim.`,
    label: 'claim',
  },
  nfcorpus: {
    task: `${GENERATION} Given a question, your task is to create query terms to retrieve relevant documents that best answer the question.`,
    label: 'question',
  },
  hotpotqa: {
    task: `${GENERATION} Given a multi-hop question, your task is to create query terms to retrieve documents that can help answer the question.`,
    label: 'question', // of several hops, but the original does not say so here
  },
  fiqa: {
    task: `${GENERATION} Given a financial question, your task is to create query terms to retrieve user replies that best answer the question.`,
    label: 'financial question',
    s: 's',
  },
  msmarco: {
    task: `${GENERATION} Given a web search query, your task is to create query terms to retrieve relevant passages that answer the query.`,
    label: 'claim', // as the original has it
  },
};

const DENSE_TASKS: Record<DenseSet, { given: string; goal: string }> = {
  scifact: { given: 'scientific claim', goal: '' },
  fever: { given: 'claim', goal: ', to retrieve documents that support or refute the claim' },
  nfcorpus: { given: 'question', goal: ', to retrieve relevant documents that best answer the question' },
  hotpotqa: {
    given: 'multi-hop question',
    goal: ', to retrieve documents that can help answer the question',
  },
  msmarco: { given: 'web search query', goal: ', to retrieve relevant passages that answer the query' },
};

const BEIR_LEAD = 'Let me think step by step. \n<think>\n';

function beir(task: string, note: string, label: string, s: 's' | '', lead: string): RewriteTemplate {
  const body = `\n${task}\n${SHOW_WORK}${exampleAnswer('query', '....')}${note}\nHere's the ${label}:\n{question}\n`;
  const system = helpful(s);
  return {
    raw: chat(system, `${body}${lead}`),
    system,
    user: `${body}Assistant: ${BEIR_LEAD}`,
    key: 'query',
  };
}

function beirSparse(set: SparseSet): RewriteTemplate {
  const { task, label, s = '' } = SPARSE_TASKS[set];
  return beir(task, `${NOTE}\n`, label, s, `Assistant: ${BEIR_LEAD}`);
}

function beirDense(set: DenseSet): RewriteTemplate {
  const { given, goal } = DENSE_TASKS[set];
  const task = `You are an expert in generating queries for dense retrieval. Given a ${given}, your task is to retain the original query while expanding it with additional semantically relevant information${goal}. If no useful expansion is needed, return the original query as is.`;
  // Of these, MS MARCO alone closes the user's turn, and opens the assistant's with a colon.
  const lead =
    set === 'msmarco' ? `<|im_end|>\n<|im_start|>assistant: ${BEIR_LEAD}` : `Assistant: ${BEIR_LEAD}`;
  return beir(task, '', set === 'hotpotqa' ? 'question' : given, set === 'scifact' ? 's' : '', lead);
}

function sql(knowledge: string): RewriteTemplate {
  const system =
    'You are a helpful assistant. You first think about the reasoning process in the mind and then provides the user with the answer.';
  const body = `
You are a SQL query writing expert. Your task is to write the SQL query for the user query to retrieve data from a database.
Database Schema:
{schema}
${knowledge}Note: Using valid SQLite and understanding External Knowledge, answer the following questions for the tables provided above.

Show your work in <think> </think> tags. Your final response must be in JSON format within <answer> </answer>. For example,
${THINKING_LINES}${exampleAnswer('sql', 'SELECT ... (in one line)')}
Here's the user query:
{question}`;
  const lead = 'Let me write the SQL query with reasoning. \n<think>\n';
  return {
    raw: `${chat(system, body)}${TURN_OVER}${lead}`,
    system,
    user: `${body}\n${lead}`,
    key: 'sql',
  };
}

export function rewriteTemplate(prompt: RewritePrompt): RewriteTemplate {
  switch (prompt) {
    case 'pubmed':
    case 'ctgov':
    case 'llama':
      return clinical(prompt);
    case 'nq':
      return evidence('Wikipedia corpus using BM25', '');
    case 'triviaqa':
      return evidence(
        'massive corpus',
        " You don't need to rewrite the query when the query is already good.",
      );
    case 'bird':
      return sql('External Knowledge: {knowledge}\n');
    case 'spider':
      return sql('');
  }
  const sparse = SPARSE.find((set) => prompt === `beir:${set}`);
  if (sparse !== undefined) return beirSparse(sparse);
  const dense = DENSE.find((set) => prompt === `beir-dense:${set}`);
  if (dense !== undefined) return beirDense(dense);
  throw new AppError('BAD_INPUT', `DeepRetrieval has no prompt "${prompt}".`, {
    fix: `Choose one of ${REWRITE_PROMPTS.join(', ')}.`,
  });
}
