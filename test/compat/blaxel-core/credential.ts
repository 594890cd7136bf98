import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import { call } from '../blaxel/calls.ts';
import { installNpmFolder } from '../npm-folder.ts';

const execute = promisify(execFile);

/** Prints the name of a sandbox, found with whatever credentials its variables give. */
const script = `const { SandboxInstance } = require('@blaxel/core');
  SandboxInstance.get('shared').then(({ metadata }) => console.log(metadata.name));`;

/** Other credentials than an API key. */
export function testCredentials(server: () => TestServer): void {
  test('a service account signs in by its client credentials', async () => {
    const cwd = await installNpmFolder('blaxel-npm');
    const made = await call(server(), 'POST', '/v0/service_accounts', { name: `program-${Date.now()}` });
    const { client_id: id, client_secret: secret } = made.body as Record<string, string>;
    onTestFinished(async () => void (await call(server(), 'DELETE', `/v0/service_accounts/${id}`)));
    const find = async (credentials: string): Promise<string> => {
      const { BL_API_KEY: _, ...env } = process.env;
      const own = { BL_API_URL: `${server().url}/v0`, BL_RUN_URL: server().url, BL_WORKSPACE: 'default' };
      const more = { BL_CLIENT_CREDENTIALS: credentials, BL_DISABLE_H2: '1', DO_NOT_TRACK: '1' };
      const options = { cwd, env: { ...env, ...own, ...more } };
      return (await execute(process.execPath, ['-e', script], options)).stdout;
    };
    const credentials = Buffer.from(`${id}:${secret}`).toString('base64');
    expect(await find(credentials)).toBe('shared\n');
  });
}
