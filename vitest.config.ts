import { defineConfig } from 'vitest/config';

// Each project is one kind of test (CONTRIBUTING.md): `unit` needs no root, the others start real servers.
// They run one file at a time: they share the machine's cores with the sandboxes they start.
const suite = (name: string, include: string[], testTimeout: number) => ({
  test: { name, include, testTimeout, hookTimeout: testTimeout, fileParallelism: name === 'unit' },
});

export default defineConfig({
  test: {
    projects: [
      suite(
        'unit',
        [
          '{protocol,server,sdk,cli}/src/**/*.test.ts',
          '{images,bin,scripts}/**/*.test.ts',
          'test/repo/**/*.test.ts',
        ],
        10_000,
      ),
      suite('contract', ['test/contract/**/*.test.ts'], 60_000),
      suite('e2e', ['test/e2e/**/*.test.ts'], 60_000),
      suite('compat', ['test/compat/**/*.test.ts'], 120_000),
      suite('security', ['test/security/**/*.test.ts'], 120_000),
      suite('chaos', ['test/chaos/**/*.test.ts'], 600_000),
    ],
  },
});
