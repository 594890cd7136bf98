import { describe } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { testSandboxes } from './blaxel/sandbox.ts';

describeOnEachDriver('the Blaxel dialect', (server) => {
  describe('sandboxes', () => testSandboxes(server));
});
