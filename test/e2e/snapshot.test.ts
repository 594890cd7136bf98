import { describe } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { testSnapshotting } from './snapshot/filesystem.ts';

describeOnEachDriver('snapshots', (server, driver) => {
  describe('of files', () => testSnapshotting(server, driver));
});
