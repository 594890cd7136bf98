import { describe } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { testBl } from './blaxel/cli.ts';
import { testImages } from './blaxel/image.ts';
import { testSandboxes } from './blaxel/sandbox.ts';
import { testSdk } from './blaxel/sdk.ts';
import { testUploads } from './blaxel/upload.ts';

const isLong = process.env['ATOLL_TEST_LONG'] === '1';

describeOnEachDriver('the Blaxel dialect', (server, driver) => {
  describe('sandboxes', () => testSandboxes(server));
  describe('images', () => testImages(server));
  // Which driver runs the sandbox that is deployed in the end makes next to no difference to its build.
  if (driver === 'gvisor' || isLong) describe('uploads', () => testUploads(server));
  if (driver === 'gvisor') describe('the SDK', () => testSdk(server));
  if (driver === 'gvisor') describe('bl', () => testBl(server));
});
