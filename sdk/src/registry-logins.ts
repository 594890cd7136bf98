import * as protocol from '@atoll/protocol';
import type { RegistryLogin } from '@atoll/protocol';
import type { WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';

export type { RegistryLogin } from '@atoll/protocol';

export interface NewRegistryLogin {
  /** A registry, or a part of one: `docker.io`, `ghcr.io`, `ghcr.io/org`. */
  registry: string;
  username: string;
  /** A password or an access token; with the name `<token>`, an identity token. */
  password: string;
}

/** What the workspace is known by at other registries, for its pulls. Methods throw RemoteAPIError. */
export class RegistryLogins {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Logs in: the registry is asked first. What was known there before is replaced. */
  async set(login: NewRegistryLogin, options: WaitOptions = {}): Promise<RegistryLogin> {
    const server = await this.#connection.server();
    return server.call(protocol.putRegistryLogin, { body: login }, options);
  }

  /** The logins by registry, without their passwords. */
  async list(options: WaitOptions = {}): Promise<RegistryLogin[]> {
    const server = await this.#connection.server();
    return (await server.call(protocol.listRegistryLogins, {}, options)).registries;
  }

  /** Forgets a login, named as it is listed. Images that were pulled stay. */
  async delete(registry: string, options: WaitOptions = {}): Promise<void> {
    const server = await this.#connection.server();
    await server.call(protocol.deleteRegistryLogin, { params: { registry } }, options);
  }
}
