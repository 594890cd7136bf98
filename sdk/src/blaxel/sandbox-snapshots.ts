import * as protocol from '@atoll/protocol';
import type { BlaxelSnapshot } from '@atoll/protocol';
import { withoutUndefined } from '../without-undefined.ts';
import type { BlaxelConnection } from './blaxel-connection.ts';

/** What a sandbox that begins as another one is has of its own. */
export interface ForkOptions {
  /** Beside those of its source. */
  envs?: { name: string; value: string }[];
}

/** What a fork is called, and what it began with. */
export interface Fork {
  name: string;
  type: 'sandbox';
  snapshotId?: string | undefined;
}

/** What a sandbox was at one moment. */
export class SandboxSnapshot {
  readonly #connection: BlaxelConnection;
  readonly #snapshot: BlaxelSnapshot;

  constructor(connection: BlaxelConnection, snapshot: BlaxelSnapshot) {
    this.#connection = connection;
    this.#snapshot = snapshot;
  }

  /** By which it is found in the workspace. */
  get id(): string {
    return this.#snapshot.id;
  }

  /** By which it is found among those of its sandbox. */
  get name(): string {
    return this.#snapshot.name;
  }

  /** Whether it can be used. */
  get status(): BlaxelSnapshot['status'] {
    return this.#snapshot.status;
  }

  /** What it was taken of. */
  get source(): BlaxelSnapshot['source'] {
    return this.#snapshot.source;
  }

  /** Makes a sandbox that begins with it. */
  async fork(target: string, { envs }: ForkOptions = {}): Promise<Fork> {
    const body = withoutUndefined({ targetName: target, targetType: 'sandbox', envs });
    const input = { params: { snapshot: this.id }, query: {}, body };
    return this.#connection.call(protocol.forkBlaxelSnapshot, input);
  }

  /** Deletes it; sandboxes that began with it go on. */
  async delete(): Promise<void> {
    await this.#connection.call(protocol.deleteBlaxelSnapshot, { params: { snapshot: this.id }, query: {} });
  }
}

/** Snapshots of one sandbox. */
export class SandboxSnapshots {
  readonly #connection: BlaxelConnection;
  readonly #name: () => string;

  constructor(connection: BlaxelConnection, name: () => string) {
    this.#connection = connection;
    this.#name = name;
  }

  /** Keeps what the sandbox is now; with its memory, where the runtime can. */
  async create(name?: string): Promise<SandboxSnapshot> {
    const source = { name: this.#name(), kind: 'sandbox' as const };
    const body = withoutUndefined({ name, source });
    return this.#of(await this.#connection.call(protocol.createBlaxelSnapshot, { query: {}, body }));
  }

  /** Those of the sandbox. */
  async list(): Promise<SandboxSnapshot[]> {
    const input = { params: { name: this.#name() }, query: {} };
    const found = await this.#connection.call(protocol.listBlaxelSandboxSnapshots, input);
    return found.map((snapshot) => this.#of(snapshot));
  }

  /** The one of that name or id; undefined where there is none. */
  async get(nameOrId: string): Promise<SandboxSnapshot | undefined> {
    return (await this.list()).find(({ id, name }) => id === nameOrId || name === nameOrId);
  }

  /** Has the sandbox be again what it was. */
  restore(nameOrId: string): Promise<{ name: string; snapshotId: string }> {
    return this.#connection.call(protocol.restoreBlaxelSandboxSnapshot, this.#one(nameOrId));
  }

  /** Deletes one. */
  async delete(nameOrId: string): Promise<void> {
    await this.#connection.call(protocol.deleteBlaxelSandboxSnapshot, this.#one(nameOrId));
  }

  #one(snapshot: string) {
    return { params: { name: this.#name(), snapshot }, query: {} };
  }

  #of(snapshot: BlaxelSnapshot): SandboxSnapshot {
    return new SandboxSnapshot(this.#connection, snapshot);
  }
}
