import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { userEvent } from 'vitest/browser';
import { keepFocus } from './keep-focus';

let host: HTMLElement;
let release: () => void;

function show(markup: string): void {
  host.innerHTML = markup;
}
const find = (selector: string): HTMLElement => {
  const found = document.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`There is no ${selector}.`);
  return found;
};
/** After whoever watches the page has seen it. */
const changed = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
const focused = (): string => document.activeElement?.id ?? '';

beforeEach(() => {
  document.body.innerHTML = '<button id="outside">o</button><div id="host" data-focus-home="#home"></div>';
  host = find('#host');
  release = keepFocus(host);
});
afterEach(() => {
  release();
  document.body.replaceChildren();
});

const LIST = `<h1 id="home" tabindex="-1">h</h1><ul>
  ${['a', 'b', 'c'].map((name) => `<li data-focus-key="${name}"><button id="${name}1">1</button><button id="${name}2">2</button></li>`).join('')}
</ul>`;

describe('what takes over the focus of something that is gone', () => {
  it('is the first control of the same row, while that is there', async () => {
    show(LIST);
    find('#b2').focus();
    find('#b2').remove();
    await changed();
    expect(focused()).toBe('b1');
  });

  it('is the row of the same name that stands elsewhere instead', async () => {
    show(LIST);
    find('#b2').focus();
    find('ul').lastElementChild?.insertAdjacentHTML(
      'afterend',
      '<li data-focus-key="b"><button id="again">3</button></li>',
    );
    find('[data-focus-key=b]').remove();
    await changed();
    expect(focused()).toBe('again');
  });

  it('is the row that followed, else the one before, else the home around them', async () => {
    show(LIST);
    find('#b1').focus();
    for (const [gone, next] of [
      ['b', 'c1'],
      ['c', 'a1'],
      ['a', 'home'],
    ] as const) {
      find(`[data-focus-key=${gone}]`).remove();
      await changed();
      expect(focused()).toBe(next);
    }
  });

  it('is the nearest home, which may be the surroundings themselves', async () => {
    show('<h1 id="home" tabindex="-1">h</h1><section id="near" tabindex="-1" data-focus-home=""></section>');
    find('#near').innerHTML = '<p><button id="gone">1</button></p><button id="other">2</button>';
    find('#gone').focus();
    find('p').remove();
    await changed();
    expect(focused()).toBe('near');
  });

  it('is the button that opened a form, when the form closes', async () => {
    show('<button id="first">1</button><button id="opener" data-focus-key="rename">2</button>');
    host.insertAdjacentHTML('afterbegin', '<form data-focus-key="rename"><input id="name"></form>');
    find('#name').focus();
    find('form').remove();
    await changed();
    expect(focused()).toBe('opener');
  });

  it('passes over what is hidden or disabled, and takes over from what becomes so', async () => {
    show(
      '<h1 id="home" tabindex="-1">h</h1><p data-focus-key="p"><button hidden>0</button><button disabled>1</button><button id="c">2</button><button id="d">3</button></p>',
    );
    find('#d').focus();
    find('#d').setAttribute('disabled', '');
    await changed();
    expect(focused()).toBe('c');
    find('#c').hidden = true;
    await changed();
    expect(focused()).toBe('home');
  });

  it('is what stood behind a dialog whose opener was deleted by it', async () => {
    show(`${LIST}<dialog><button id="yes">Delete</button></dialog>`);
    const dialog = host.querySelector('dialog');
    find('#b2').focus();
    dialog?.showModal();
    expect(focused()).toBe('yes');
    dialog?.close();
    find('[data-focus-key=b]').remove();
    await changed();
    expect(focused()).toBe('c1');
  });
});

describe('focus that somebody moves', () => {
  it('goes back to what opened a dialog when that is closed by a key', async () => {
    show(`${LIST}<dialog><button id="yes">Delete</button></dialog>`);
    find('#b2').focus();
    host.querySelector('dialog')?.showModal();
    await userEvent.keyboard('{Escape}');
    await changed();
    expect(focused()).toBe('b2');
  });

  it('stays where it was taken to', async () => {
    show(LIST);
    find('#b1').focus();
    find('#outside').focus();
    find('[data-focus-key=b]').remove();
    await changed();
    expect(focused()).toBe('outside');
    find('#a1').focus();
    find('#a1').blur();
    await changed();
    find('[data-focus-key=a]').remove();
    await changed();
    expect(document.activeElement).toBe(document.body);
  });

  it('is nobody’s business after the page has gone', async () => {
    show(LIST);
    find('#b2').focus();
    release();
    find('#b2').remove();
    await changed();
    expect(document.activeElement).toBe(document.body);
  });
});
