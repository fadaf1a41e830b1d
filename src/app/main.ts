import './styles/index.css';
import { keepForOffline } from '../platform/browser/offline';
import type { Laboratory } from '../state/laboratory';
import { mountApp } from './mount';

/** `vite build --mode scripted` makes a page that plays a recorded run: for work on the page alone. */
async function laboratory(): Promise<Laboratory> {
  if (import.meta.env.MODE === 'scripted') {
    const { createScriptedLaboratory } = await import('../state/scripted-laboratory');
    const { TRAINING_SCRIPTS } = await import('../state/train-scripts');
    const training = TRAINING_SCRIPTS[new URLSearchParams(location.search).get('training') ?? ''];
    return createScriptedLaboratory(training ? { training } : {});
  }
  const { createBrowserLaboratory } = await import('../state/browser-laboratory');
  return createBrowserLaboratory();
}

const target = document.getElementById('app');
if (target) mountApp(target, await laboratory());

// In development the files change under the page.
if (import.meta.env.PROD && import.meta.env.MODE !== 'scripted') {
  keepForOffline(new URL('service-worker.js', document.baseURI).href);
}
