import { streamUsage, usageSample } from '@atoll/protocol';
import type { UsageSample } from '@atoll/protocol';
import type { WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';
import { sampledEvents } from './sampled-events.ts';

/** What running sandboxes use, every two seconds, until the loop is left or the connection breaks. */
export const workspaceUsage = (connection: Connection, options: WaitOptions): AsyncGenerator<UsageSample> =>
  sampledEvents(connection, streamUsage, (value) => usageSample.parse(value), options);
