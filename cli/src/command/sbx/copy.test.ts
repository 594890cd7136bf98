import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { runCli } from '../../../../test/fixtures/run-cli.ts';
import type { CliResult } from '../../../../test/fixtures/run-cli.ts';

/** Runs the command against a server that answers every call with these copies. */
async function copyInto(...sandboxes: readonly object[]): Promise<CliResult> {
  const server = createServer((_request, response) => {
    response.writeHead(422, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ source_sandbox_id: 'source', sandboxes }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const env = { ATOLL_URL: `http://127.0.0.1:${port}`, ATOLL_API_KEY: 'key' };
  return runCli(['sbx', 'copy', 'source', '--times', '2'], { env });
}

const failed = { sandbox_id: 'one', status: 'failed', reason: 'the disk is full' };
const running = { sandbox_id: 'two', sandbox_url: 'http://127.0.0.1', status: 'running' };

test('copies that run are printed although others have failed', { timeout: 30_000 }, async () => {
  const result = await copyInto(failed, running);
  expect([result.exitCode, result.stdout]).toEqual([1, 'two\n']);
  expect(result.stderr).toContain('one failed: the disk is full');
});

test('where no copy runs nothing is printed but why', { timeout: 30_000 }, async () => {
  const result = await copyInto(failed);
  expect([result.exitCode, result.stdout]).toEqual([1, '']);
  expect(result.stderr).toContain('one failed: the disk is full');
});
