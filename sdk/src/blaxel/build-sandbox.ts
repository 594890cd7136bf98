import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as protocol from '@atoll/protocol';
import type { BlaxelSandbox } from '@atoll/protocol';
import { RemoteAPIError, SandboxError } from '../errors.ts';
import { createBlaxelConnection } from './blaxel-connection.ts';
import type { BlaxelConnection, BlaxelOptions } from './blaxel-connection.ts';
import { uploadFolder } from './upload-folder.ts';

export interface BuildOptions {
  /** Name of the sandbox, and of the image that stays when it goes. */
  name: string;
  /** Of the sandbox, in MB. Default 4096. */
  memory?: number;
  /** Milliseconds until the build is given up here. Default 15 minutes. */
  timeout?: number;
  /** Told of every status that is another one than before. */
  onStatusChange?: (status: string) => void;
  connection?: BlaxelOptions;
  signal?: AbortSignal;
}

const POLL_MS = 3_000;

/** Writes a folder, uploads it as a sandbox to build, and waits until that is deployed. */
export async function buildSandbox(
  write: (dir: string) => string,
  options: BuildOptions,
): Promise<BlaxelSandbox> {
  const { name, memory = 4096, timeout = 900_000 } = options;
  const connection = createBlaxelConnection(options.connection);
  const dir = await mkdtemp(join(tmpdir(), 'blaxel-image-'));
  const deadline = AbortSignal.timeout(timeout);
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  try {
    const folder = write(dir);
    const body = {
      metadata: { name, labels: { 'x-blaxel-auto-generated': 'true' } },
      spec: { runtime: { memory } },
    };
    await uploadFolder(folder, await uploadUrlOf(connection, name, body, signal), { signal });
    return await waitUntilDeployed(connection, name, { ...options, signal });
  } catch (error) {
    if (!deadline.aborted || options.signal?.aborted) throw error;
    throw new SandboxError(`Deployment timed out after ${timeout / 1000} seconds`, { cause: error });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

type Declaration = protocol.RouteCall<typeof protocol.replaceBlaxelSandbox>['body'];

/** Where to send the files: of a sandbox that is there, else of a new one. */
export async function uploadUrlOf(
  connection: BlaxelConnection,
  name: string,
  body: Declaration,
  signal: AbortSignal,
): Promise<string> {
  const query = { upload: 'true' as const };
  const asked = { signal, repeatable: false };
  const replace = () =>
    connection.stream(protocol.replaceBlaxelSandbox, { params: { name }, query, body }, asked);
  const response = await replace().catch((error: unknown) => {
    if (!(error instanceof RemoteAPIError) || error.statusCode !== 404) throw error;
    return connection.stream(protocol.createBlaxelSandbox, { query, body }, asked);
  });
  await response.body?.cancel();
  const url = response.headers.get('x-blaxel-upload-url');
  if (url === null) throw new SandboxError('No upload URL returned from API');
  return url;
}

/**
 * The first answers may still tell of the build before: DEPLOYED counts once something else was seen. The server says
 * so at once, for it sets UPLOADING before it hands out the address.
 */
export async function waitUntilDeployed(
  connection: BlaxelConnection,
  name: string,
  { onStatusChange, signal }: { onStatusChange?: (status: string) => void; signal: AbortSignal },
): Promise<BlaxelSandbox> {
  let last = '';
  let wasBuilding = false;
  for (;;) {
    const input = { params: { name }, query: {} };
    const sandbox = await connection.call(protocol.getBlaxelSandbox, input, { signal });
    const { status } = sandbox;
    if (status !== last) onStatusChange?.(status);
    last = status;
    if (status === 'DEPLOYED' && wasBuilding) return sandbox;
    if (status === 'FAILED') throw failed(`Deployment failed for sandbox '${name}'`, name);
    if (status === 'TERMINATED') throw failed(`Sandbox '${name}' was terminated`, name);
    wasBuilding ||= status !== 'DEPLOYED';
    await pause(POLL_MS, signal);
  }
}

const failed = (message: string, name: string): SandboxError =>
  new SandboxError(message, { hint: `See what the build told with \`bl logs sandbox ${name}\`.` });

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
