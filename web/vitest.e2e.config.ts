import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files in the order of their names: they share a server, and what one leaves behind for the next is the same on every machine. */
class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]) {
    return files.toSorted((a, b) => a.moduleId.localeCompare(b.moduleId));
  }
}

// Browser tests against a running server (TANDEM_URL). One at a time: they share the machine's two cores.
export default defineConfig({
  test: {
    include: ['e2e/**/*.spec.ts'],
    environment: 'node',
    fileParallelism: false,
    sequence: { sequencer: ByName },
    retry: 1, // a real browser beside a real server on a busy machine; what failed once is reported as flaky
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
