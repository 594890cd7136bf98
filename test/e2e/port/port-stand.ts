import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SandboxClient } from '@atoll/sdk';
import type { CreateAndConnectOptions, Sandbox } from '@atoll/sdk';
import { expect, vi } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';

const BUILD_TIMEOUT_MS = 120_000;

/** Builds the server of `port/server` for sandboxes. */
export async function buildPortServer(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'atoll-test-'));
  const binary = join(folder, 'port-server');
  const source = join(import.meta.dirname, 'server', 'main.go');
  const env = { ...process.env, CGO_ENABLED: '0', GO111MODULE: 'off' };
  try {
    await promisify(execFile)('go', ['build', '-trimpath', '-ldflags', '-s -w', '-o', binary, source], {
      env,
      timeout: BUILD_TIMEOUT_MS,
    });
    return await readFile(binary);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

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

export interface EchoSocket {
  /** Sends a short text and returns what comes back. */
  echo(text: string): Promise<string>;
  closed: Promise<unknown>;
  close(): void;
}

/** Opens a WebSocket by hand: the platform's own cannot be told which host it asks. */
export function openWebSocket(url: string, host = new URL(url).host): Promise<EchoSocket> {
  return new Promise((resolve, reject) => {
    const headers = {
      host,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    };
    const call = request(url, { headers, agent: false });
    call.once('error', reject);
    call.once('response', ({ statusCode }) => reject(new Error(`no WebSocket: ${statusCode}`)));
    call.once('upgrade', (_answer, socket) => {
      socket.on('error', () => socket.destroy());
      resolve({
        echo: async (text) => {
          const masked = Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0, ...Buffer.from(text)]);
          socket.write(masked);
          const [frame] = (await once(socket, 'data')) as [Buffer];
          return frame.subarray(2).toString();
        },
        closed: once(socket, 'close'),
        close: () => socket.destroy(),
      });
    });
    call.end();
  });
}
