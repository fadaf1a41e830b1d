import { beforeEach, describe, expect, it, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import App from '../../src/app/App.svelte';
import CopyButton from '../../src/app/widgets/CopyButton.svelte';
import LoadPanel from '../../src/app/ask/LoadPanel.svelte';
import { FIXTURE_QUESTION } from '../../src/state/fixture-trace';
import { createScriptedLaboratory, type Script } from '../../src/state/scripted-laboratory';
import { Session } from '../../src/state/session.svelte';

/** The whole page over a scripted laboratory: no worker, no model, every event at the pace that the test sets. */
async function openApp(script: Script = {}) {
  const session = new Session(createScriptedLaboratory(script), {
    location: { hash: '#/ask' },
    history: { replaceState: () => undefined },
    storage: null,
    now: () => '2026-11-21T12:00:00.000Z',
    theme: {
      storage: null,
      root: document.documentElement,
      prefersDark: matchMedia('(prefers-color-scheme: dark)'),
    },
  });
  const screen = await render(App, { session });
  await session.begin();
  return { screen, session };
}

beforeEach(() => vi.restoreAllMocks());

describe('the thread of a run', () => {
  it('folds what was not kept once a turn is decided, but never what the reader has opened', async () => {
    const { screen } = await openApp({ paceMs: 15, loads: [] });
    await screen.getByRole('textbox', { name: 'Question' }).fill(FIXTURE_QUESTION);
    await screen.getByRole('button', { name: 'Ask', exact: true }).click();
    const turn = screen.getByRole('button', { name: /^begins with the question/ });
    await expect.element(turn).toHaveAttribute('aria-expanded', 'true');
    await expect.element(turn).toHaveAttribute('aria-expanded', 'false');
    await turn.click();
    await expect.element(screen.getByText('stops: enough to answer')).toBeVisible();
    await expect.element(screen.getByRole('region', { name: 'plain RAG answered' })).toBeVisible();
    await expect.element(turn).toHaveAttribute('aria-expanded', 'true');
    await expect.element(screen.getByText('8 found · 2 kept')).toBeVisible();
  });

  it('shows the verdicts, and nothing of a run that was stopped beyond what was found', async () => {
    const { screen } = await openApp({ paceMs: 30, loads: [] });
    await screen.getByRole('textbox', { name: 'Question' }).fill('Where?');
    await screen.getByRole('button', { name: 'Ask', exact: true }).click();
    await expect.element(screen.getByText('3 found')).toBeVisible();
    await screen.getByRole('button', { name: 'Stop' }).click();
    await expect.element(screen.getByText('Stopped. What was found so far stands above.')).toBeVisible();
    expect(screen.getByRole('region', { name: 's3 answered' }).query()).toBeNull();
    await expect.element(screen.getByRole('button', { name: 'Ask', exact: true })).toBeEnabled();
  });
});

describe('getting ready', () => {
  it('tells bytes, rate and time left, and where a part runs and why', async () => {
    const screen = await render(LoadPanel, {
      loads: [
        {
          part: 'encoder',
          phase: 'download',
          name: 'model.onnx',
          measured: { done: 12e6, total: 134e6, unit: 'bytes', fraction: 0.09, rate: 6e6, secondsLeft: 20 },
        },
        {
          part: 'searcher',
          phase: 'ready',
          name: 'demo',
          device: 'CPU',
          reason: 'It is faster.',
          measured: null,
        },
      ],
    });
    await expect.element(screen.getByText('12 MB of 134 MB · 6.0 MB/s · about 20 s left')).toBeVisible();
    await expect.element(screen.getByText('ready on CPU')).toBeVisible();
    await expect.element(screen.getByText('It is faster.')).toBeVisible();
    const bar = screen.getByRole('progressbar', { name: 'Encoder' });
    await expect.element(bar).toHaveAttribute('aria-valuetext', expect.stringContaining('about 20 s left'));
  });
});

describe('a copy button', () => {
  it('is called by its label, copies, and says that it has', async () => {
    const write = vi.spyOn(navigator.clipboard, 'writeText').mockResolvedValue();
    const screen = await render(CopyButton, {
      text: () => Promise.resolve('the trace'),
      label: 'Copy trace',
      done: 'Copied',
    });
    await screen.getByRole('button', { name: 'Copy trace', exact: true }).click();
    await expect.element(screen.getByRole('status')).toHaveTextContent('Copied');
    expect(write).toHaveBeenCalledWith('the trace');
  });

  it('says so where the browser refuses', async () => {
    vi.spyOn(navigator.clipboard, 'writeText').mockRejectedValue(new DOMException('no', 'NotAllowedError'));
    const screen = await render(CopyButton, { text: () => 'x', label: 'Copy', done: 'Copied' });
    await screen.getByRole('button', { name: 'Copy', exact: true }).click();
    await expect.element(screen.getByRole('status')).toHaveTextContent('The browser refused to copy');
  });
});
