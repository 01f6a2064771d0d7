import { defineConfig } from 'vitest/config';

// Browser tests against a running server (TANDEM_URL). One at a time: they share the machine's two cores.
export default defineConfig({
  test: {
    include: ['e2e/**/*.spec.ts'],
    environment: 'node',
    fileParallelism: false,
    retry: 1, // a real browser beside a real server on a busy machine; what failed once is reported as flaky
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
