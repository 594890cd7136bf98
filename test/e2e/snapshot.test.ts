import { describe } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { testMemorySnapshots } from './snapshot/memory.ts';
import { testRollback } from './snapshot/rollback.ts';
import { testSnapshotting } from './snapshot/filesystem.ts';

describeOnEachDriver('snapshots', (server, driver) => {
  describe('of files', () => testSnapshotting(server, driver));
  describe('rolled back to', () => testRollback(server));
  describe.runIf(driver === 'gvisor')('of memory', () => testMemorySnapshots(server));
});
