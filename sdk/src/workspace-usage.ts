import { streamUsage, usageSample } from '@atoll/protocol';
import type { UsageSample } from '@atoll/protocol';
import { bodyChunks } from './body-chunks.ts';
import type { WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';
import { toSandboxError } from './errors.ts';
import { readEvents } from './server-sent-events.ts';

/** What running sandboxes use, every two seconds, until the loop is left or the connection breaks. */
export async function* workspaceUsage(
  connection: Connection,
  { signal }: WaitOptions,
): AsyncGenerator<UsageSample> {
  const transport = await connection.server();
  const response = await transport.stream(streamUsage, {}, { signal });
  try {
    for await (const { data } of readEvents(bodyChunks(response.body ?? new ReadableStream())))
      yield usageSample.parse(JSON.parse(data));
  } catch (error) {
    throw toSandboxError(error, signal);
  }
}
