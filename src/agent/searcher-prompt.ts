import type { ChatMessage } from '../protocol/language-model';
import { neutralise } from './neutralise';
import { normaliseQuestion, renderTask } from './prompts';
import type { S3Settings } from './settings';

export type PromptSettings = Pick<S3Settings, 'promptStyle' | 'documentsSelected' | 'booleanQueries'>;

/** The first message to the searcher: instructions (in the `full` style), the question and the results of turn 0. */
export function searcherMessages(
  question: string,
  initialResults: string,
  settings: PromptSettings,
): ChatMessage[] {
  const task = renderTask(neutralise(askedQuestion(question)), initialResults);
  const content = settings.promptStyle === 'compact' ? task : `${instructions(settings)}\n\n${task}`;
  return [{ role: 'user', content }];
}

/** The question as the models see it. One with options to choose from ends with these, not with a question mark. */
export function askedQuestion(question: string): string {
  return question.includes('\nOptions:') ? question.trim() : normaliseQuestion(question);
}

/** The question as the retriever sees it: without options. */
export function initialQuery(question: string): string {
  const [stem = ''] = question.split('\nOptions:');
  return normaliseQuestion(stem);
}

/** Our wording of s3's searcher instructions; order and examples of the tags follow the original. */
function instructions({ documentsSelected, booleanQueries }: PromptSettings): string {
  const operators = booleanQueries
    ? ' The search engine understands Boolean operators: combine terms with AND and OR, and group them with parentheses.'
    : '';
  return `You are a search copilot. A separate generation model will answer the question, and you find the documents it needs.
You are given a question and the results of a first search with that question. Begin by judging whether these results are sufficient to answer it.

If they are sufficient, end the search at once with <search_complete>True</search_complete>.

If they are not, go through the loop <query> -> <information> -> <important_info> -> <search_complete> -> <query> ... until the information is complete:
1. Write a search query between <query> and </query> as JSON, for example <query>{"query": "..."}</query>.${operators}
2. The search engine returns its best results between <information> and </information>. List the ids of the important documents, up to ${documentsSelected}, between <important_info> and </important_info>, for example <important_info>[1, 4]</important_info>. Ids refer to the documents of the current information window only.
3. After every information window decide whether to go on: <search_complete>False</search_complete> means that you continue with a better query, <search_complete>True</search_complete> means that you stop. As long as the search is not complete, a query must follow.

You may reason between <think> and </think> wherever it helps. Only the documents that you mark as important are handed to the generation model.

The case where the first results are sufficient looks like this:

<question>
[question]
</question>
<information>
[results of the first search]
</information>
<search_complete>
True
</search_complete>

The case where you need to search looks like this:

<question>
[question]
</question>
<information>
[results of the first search]
</information>
<query>
{
    "query": "[search query]"
}
</query>
<information>
[results of this query]
</information>
<important_info>
[doc ids]
</important_info>
<search_complete>
False
</search_complete>
<query>
{
    "query": "[next search query]"
}
</query>
... further turns of the loop ...
<search_complete>
True
</search_complete>`;
}
