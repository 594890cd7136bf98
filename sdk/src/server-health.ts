import { checkServer, serverStatus, streamServerStatus } from '@atoll/protocol';
import type { ServerChecks, ServerStatus } from '@atoll/protocol';
import type { WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';
import { sampledEvents } from './sampled-events.ts';

export type { ServerCheck, ServerChecks, ServerStatus } from '@atoll/protocol';

/** How the server and its machine stand. For the operator of the server; methods throw RemoteAPIError. */
export class ServerHealth {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Versions, queues, slots, memory and disk, every two seconds, until the loop is left or the connection breaks. */
  status(options: WaitOptions = {}): AsyncGenerator<ServerStatus> {
    return sampledEvents(this.#connection, streamServerStatus, (value) => serverStatus.parse(value), options);
  }

  /** Checks the server's machine as `atoll doctor` does, which takes some seconds. */
  async check(options: WaitOptions = {}): Promise<ServerChecks> {
    const server = await this.#connection.server();
    return server.call(checkServer, {}, options);
  }
}
