import { defineConfig, devices } from '@playwright/test';
import { findBrowser, testBrowserArguments } from './tools/browser/find.mjs';

const port = Number(process.env['S3_E2E_PORT'] ?? 4319);
const browser = findBrowser();
const launchOptions = {
  args: testBrowserArguments(),
  ...(browser !== undefined && { executablePath: browser }),
};
const desktop = devices['Desktop Chrome'];

/** End-to-end tests run on the built page, with the headers that it is served with. */
export default defineConfig({
  testDir: 'tests',
  testMatch: '**/*.e2e.ts',
  outputDir: 'test-results',
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: process.env['CI'] !== undefined,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  use: {
    baseURL: `http://127.0.0.1:${port}`,
    // Recording every test takes a fifth of the processor's time; a failure says what the page held anyway.
    trace: process.env['S3_E2E_TRACE'] === '1' ? 'retain-on-failure' : 'off',
    // Each test has a browser of its own, which would fetch the whole page beforehand; offline.e2e.ts allows it.
    serviceWorkers: 'block',
    launchOptions,
  },
  projects: [{ name: 'chromium', use: { ...desktop } }],
  webServer: {
    // `npm test` has built the page already and says so, which saves a build.
    command: `${process.env['S3_BUILT'] === '1' ? '' : 'npm run build && '}npm run preview -- --host 127.0.0.1 --port ${port} --strictPort`,
    url: `http://127.0.0.1:${port}/`,
    reuseExistingServer: false,
    timeout: 120_000,
  },
});
