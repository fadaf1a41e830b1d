/** Our wording of Search-o1's instructions; marks and the order of its parts follow the original. */
import { neutralise } from '../neutralise';
import { askedQuestion } from '../searcher-prompt';
import { QUERY_BEGIN, QUERY_END, RESULT_BEGIN, RESULT_END } from './search-o1-text';

/** @param limit searches that are allowed */
export function searchO1Instruction(limit: number): string {
  return `You are a reasoning assistant who can search the web for facts while answering a question.
- To search, write ${QUERY_BEGIN} your query ${QUERY_END}.
- The system then searches, reads the pages, and gives you what helps as ${RESULT_BEGIN} ...results... ${RESULT_END}.
You can search again whenever you need to; at most ${limit} searches are allowed. Once you know enough, go on reasoning.

Example:
Question: "Who directed the film in which the composer of The Long Shore played the ferryman?"
You need to know who composed The Long Shore.
${QUERY_BEGIN}composer of The Long Shore${QUERY_END}
(The system gives you processed information.)
You need to know in which film this composer played the ferryman, and who directed it.
${QUERY_BEGIN}film with the composer of The Long Shore as the ferryman, director${QUERY_END}
(The system gives you processed information.)
You go on reasoning with it.

Remember:
- ${QUERY_BEGIN} opens a query and ${QUERY_END} closes it.
- When you have what you need, stop searching and finish your reasoning.
`;
}

export function searchO1Task(question: string): string {
  return `Please answer the following question, thinking step by step. Give the final answer in the form \\boxed{YOUR_ANSWER}.

Question:
${neutralise(askedQuestion(question))}
`;
}
