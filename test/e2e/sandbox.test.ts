import { describe } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { testAddressing } from './sandbox/address.ts';
import { testEnding } from './sandbox/ending.ts';
import { testLimits } from './sandbox/limit.ts';
import { testRestart } from './sandbox/restart.ts';
import { testSurroundings } from './sandbox/surroundings.ts';
import { testStreaming } from './sandbox/stream.ts';
import { testSupervision } from './sandbox/supervision.ts';

describeOnEachDriver(
  'sandboxes',
  (server, driver) => {
    describe('addresses', () => testAddressing(server));
    describe('streams', () => testStreaming(server));
    describe('supervision', () => testSupervision(server));
    describe('surroundings', () => testSurroundings(server));
    describe('limits', () => testLimits(server));
    describe('endings', () => testEnding(server, driver));
    describe('restarts', () => testRestart(server));
  },
  { args: ['--base-domain', 'atoll.test'] },
);
