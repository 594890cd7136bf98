import { setTimeout as delay } from 'node:timers/promises';
import * as protocol from '@atoll/protocol';
import { RemoteAPIError } from '@atoll/sdk';
import type { BlaxelConnection } from '@atoll/sdk/blaxel';
import type { Context } from '../../context.ts';
import { CliError } from '../../failure.ts';

const POLL_MS = 2_000;

/** Prints what a build tells until the image is there. The wire has no event for it, so it is asked for. */
export async function followImage(
  context: Context,
  connection: BlaxelConnection,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  let shown = 0;
  for (;;) {
    const status = await statusOf(connection, name, signal);
    // After the status, so that nothing of a build that has ended is missed.
    shown += await printLogs(context, connection, { name, offset: shown, signal });
    if (status === 'BUILT') return;
    if (status === 'FAILED') throw new CliError(`the build of sandbox/${name} failed`);
    await delay(POLL_MS, undefined, { signal });
  }
}

/** An image that is not there yet is on its way. */
async function statusOf(connection: BlaxelConnection, name: string, signal: AbortSignal): Promise<string> {
  const params = { resourceType: 'sandbox' as const, name };
  try {
    return (await connection.call(protocol.getBlaxelImage, { params }, { signal })).metadata.status;
  } catch (error) {
    if (error instanceof RemoteAPIError && error.statusCode === 404) return 'BUILDING';
    throw error;
  }
}

interface LogRange {
  name: string;
  offset: number;
  search?: string | undefined;
  severity?: string | undefined;
  start?: string | undefined;
  end?: string | undefined;
  withoutTimes?: boolean;
  signal: AbortSignal;
}

/** Prints lines of the builds of a name; answers how many. */
export async function printLogs(
  { output }: Context,
  connection: BlaxelConnection,
  { name, offset, signal, withoutTimes = true, ...filter }: LogRange,
): Promise<number> {
  const query = { workloadIds: name, offset, ...filter };
  const found = await connection.call(protocol.listBlaxelLogs, { query }, { signal });
  const logs = found[name]?.logs ?? [];
  for (const { timestamp, message } of logs)
    await output.line(withoutTimes ? message.trimEnd() : `${timestamp} ${message.trimEnd()}`);
  return logs.length;
}
