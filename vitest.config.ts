import { defineConfig } from 'vitest/config';

/** The kinds of tests (CONTRIBUTING.md), in the order in which they run. */
const suites = [
  {
    name: 'unit',
    include: [
      '{protocol,server,sdk,cli}/src/**/*.test.ts',
      '{images,bin,scripts,bench}/**/*.test.ts',
      'test/repo/**/*.test.ts',
    ],
    testTimeout: 10_000,
  },
  { name: 'contract', include: ['test/contract/**/*.test.ts'], testTimeout: 60_000 },
  { name: 'e2e', include: ['test/e2e/**/*.test.ts'], testTimeout: 60_000 },
  { name: 'compat', include: ['test/compat/**/*.test.ts'], testTimeout: 120_000 },
  { name: 'security', include: ['test/security/**/*.test.ts'], testTimeout: 120_000 },
  { name: 'chaos', include: ['test/chaos/**/*.test.ts'], testTimeout: 600_000 },
];

// All but `unit` start real servers. They run one file at a time: they share the machine's cores with the sandboxes
// they start.
export default defineConfig({
  test: {
    projects: suites.map(({ name, include, testTimeout }, groupOrder) => ({
      test: {
        name,
        include,
        testTimeout,
        hookTimeout: testTimeout,
        fileParallelism: name === 'unit',
        sequence: { groupOrder },
      },
    })),
  },
});
