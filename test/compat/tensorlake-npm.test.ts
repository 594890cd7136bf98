import { afterAll, beforeAll, describe } from 'vitest';
import type { Sandbox } from 'tensorlake';
import { describeOnEachDriver } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { clientOf } from './tensorlake-npm/client.ts';
import { testDesktop } from './tensorlake-npm/desktop.ts';
import { testFiles } from './tensorlake-npm/file.ts';
import { testLifecycle } from './tensorlake-npm/lifecycle.ts';
import { testOutput } from './tensorlake-npm/output.ts';
import { testProcesses } from './tensorlake-npm/process.ts';
import { testPty } from './tensorlake-npm/pty.ts';
import { testRun } from './tensorlake-npm/run.ts';
import { testTunnels } from './tensorlake-npm/tunnel.ts';

describeOnEachDriver('npm tensorlake 0.5.89', (server) => {
  describe('lifecycle', () => testLifecycle(server));
  describe('run', () => inOneSandbox(server, testRun));
  describe('processes', () => inOneSandbox(server, testProcesses));
  describe('output', () => inOneSandbox(server, testOutput));
  describe('files', () => inOneSandbox(server, testFiles));
  describe('terminals', () => inOneSandbox(server, testPty));
  describe('tunnels', () =>
    inOneSandbox(server, (sandbox) => {
      testTunnels(sandbox);
      testDesktop(sandbox);
    }));
});

/** The tests of a group share a sandbox: what they do in it does not meet. */
function inOneSandbox(server: () => TestServer, body: (sandbox: () => Sandbox) => void): void {
  let sandbox: Sandbox | undefined;
  beforeAll(async () => {
    sandbox = await clientOf(server()).createAndConnect();
  });
  afterAll(async () => sandbox?.terminate());
  body(() => {
    if (sandbox === undefined) throw new Error('the sandbox is not up');
    return sandbox;
  });
}
