import * as protocol from '@atoll/protocol';
import type { QuotaChange, WorkspaceQuotas } from '@atoll/protocol';
import type { WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';

/** What workspaces may use at once. Methods throw RemoteAPIError. */
export class Quotas {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** What a workspace, named by name or id, uses of what it may use. */
  async get(workspace: string, options: WaitOptions = {}): Promise<WorkspaceQuotas> {
    const server = await this.#connection.server();
    return server.call(protocol.getQuotas, { params: { id: workspace } }, options);
  }

  /** Sets what is given; `null` is what every workspace may use. For the operator of the server. */
  async set(workspace: string, quotas: QuotaChange, options: WaitOptions = {}): Promise<WorkspaceQuotas> {
    const server = await this.#connection.server();
    return server.call(protocol.changeQuotas, { params: { id: workspace }, body: quotas }, options);
  }
}
