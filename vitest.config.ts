import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BriefReporter } from './test/brief-reporter.ts';

interface Suite {
  name: string;
  include: string[];
  testTimeout: number;
  globalSetup?: string;
  env?: Record<string, string>;
}

const unit: Suite = {
  name: 'unit',
  include: [
    '{protocol,server,sdk,cli,console}/src/**/*.test.ts',
    '{images,bin,scripts,bench}/**/*.test.ts',
    'test/repo/**/*.test.ts',
  ],
  testTimeout: 10_000,
};

/**
 * What published clients say and hear is the same on every driver, whose own suites are contract and e2e; the long runs try
 * them on all.
 */
const clientDrivers = process.env['ATOLL_TEST_LONG'] === '1' ? 'gvisor,native' : 'gvisor';

/** They start real servers: much of their time is waiting, more of them at once would wait for the cores. */
const withServers: Suite[] = [
  { name: 'contract', include: ['test/contract/**/*.test.ts'], testTimeout: 60_000 },
  { name: 'e2e', include: ['test/e2e/**/*.test.ts'], testTimeout: 60_000 },
  {
    name: 'compat',
    include: ['test/compat/**/*.test.ts'],
    testTimeout: 120_000,
    globalSetup: 'test/compat/install.ts',
    env: { ATOLL_TEST_DRIVERS: process.env['ATOLL_TEST_DRIVERS'] ?? clientDrivers },
  },
  { name: 'security', include: ['test/security/**/*.test.ts'], testTimeout: 120_000 },
];

const chaos: Suite = { name: 'chaos', include: ['test/chaos/**/*.test.ts'], testTimeout: 600_000 };

/**
 * Groups run one after the other, the files of a group as many at a time as it has workers. What waits for real
 * processes gets a second try, so that a busy machine stops nobody; the summary names who needed it.
 */
const groups = [
  { suites: [unit], maxWorkers: 3 },
  { suites: withServers, maxWorkers: 3, retry: 1 },
  // Full disks and killed servers need the machine for themselves.
  { suites: [chaos], maxWorkers: 1, retry: 1 },
];

/** How long what a test waits for may take to come. A second, which is usual, is a moment for a machine that is busy. */
const POLL_MS = 30_000;

/** Servers and command lines that tests start compile once, as those that `bin/atoll` starts do. */
const compileCache = join(import.meta.dirname, '.build', 'compiled');

export default defineConfig({
  test: {
    // In a log the failures and the totals are what one looks for.
    reporters: [new BriefReporter(), process.stdout.isTTY ? 'default' : 'minimal'],
    projects: groups.flatMap(({ suites, maxWorkers, retry }, groupOrder) =>
      suites.map((suite) => ({
        test: {
          ...suite,
          // The first server of a checkout is compiled while others start.
          hookTimeout: Math.max(suite.testTimeout, 120_000),
          expect: { poll: { timeout: Math.min(POLL_MS, suite.testTimeout / 2) } },
          env: { NODE_COMPILE_CACHE: compileCache, ...suite.env },
          sequence: { groupOrder },
          ...(maxWorkers && { maxWorkers }),
          ...(retry && { retry }),
        },
      })),
    ),
  },
});
