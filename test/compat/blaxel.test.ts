import { describe } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { testImages } from './blaxel/image.ts';
import { testSandboxes } from './blaxel/sandbox.ts';

describeOnEachDriver('the Blaxel dialect', (server) => {
  describe('sandboxes', () => testSandboxes(server));
  describe('images', () => testImages(server));
});
