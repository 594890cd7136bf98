import { SandboxClient } from '@atoll/sdk';
import type { CreateAndConnectOptions, Sandbox } from '@atoll/sdk';
import { expect, vi } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';

export interface PortStand {
  client: SandboxClient;
  sandbox: Sandbox;
  /** Starts the server on an address of the sandbox; resolves when it listens, unless it is to wait before. */
  serve(address: string, delayMs?: number): Promise<void>;
}

/** A sandbox with the test server in it. */
export async function openPortStand(
  server: TestServer,
  binary: Buffer,
  options: CreateAndConnectOptions,
  /** Where its program goes. */
  dir = '/tmp',
): Promise<PortStand> {
  const client = new SandboxClient({ apiUrl: server.url, apiKey: server.apiKey });
  const sandbox = await client.createAndConnect({ memoryMb: 512, ...options });
  await sandbox.writeFile(`${dir}/port-server`, binary);
  await sandbox.run('chmod', { args: ['+x', `${dir}/port-server`] });
  const serve = async (address: string, delayMs = 0): Promise<void> => {
    const { pid } = await sandbox.startProcess(`${dir}/port-server`, { args: [address, String(delayMs)] });
    if (delayMs > 0) return;
    await vi.waitFor(async () => expect((await sandbox.getStdout(pid)).lines).toEqual(['listening']), {
      timeout: 15_000,
    });
  };
  return { client, sandbox, serve };
}
