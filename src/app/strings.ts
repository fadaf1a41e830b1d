/** Every word that the page says, in one catalogue, split by page so that a page brings only its own. */
export { frame } from './strings/frame';
export { ask } from './strings/ask';
export { corpora } from './strings/corpora';
export { models } from './strings/models';
export { glossary, terms } from './strings/glossary';
