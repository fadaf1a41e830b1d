import { asksTheDemo } from './cold-start';
import { test } from './guarded-page';

// Launch options start a browser of their own, so this stands in a file of its own.
test.use({
  launchOptions: async ({ launchOptions }, use) =>
    use({ ...launchOptions, args: ['--no-sandbox', '--disable-features=WebGPU'] }),
});

asksTheDemo(/no WebGPU|no adapter/i);
