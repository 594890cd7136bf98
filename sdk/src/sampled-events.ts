import type { Route } from '@atoll/protocol';
import { bodyChunks } from './body-chunks.ts';
import type { WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';
import { toSandboxError } from './errors.ts';
import { readEvents } from './server-sent-events.ts';

/** What a route samples, until the loop is left or the connection breaks. */
export async function* sampledEvents<T>(
  connection: Connection,
  route: Route,
  parse: (value: unknown) => T,
  { signal }: WaitOptions,
): AsyncGenerator<T> {
  const transport = await connection.server();
  const response = await transport.stream(route, {}, { signal });
  try {
    for await (const { data } of readEvents(bodyChunks(response.body ?? new ReadableStream())))
      yield parse(JSON.parse(data));
  } catch (error) {
    throw toSandboxError(error, signal);
  }
}
