import * as protocol from '@atoll/protocol';
import type { BlaxelSandbox, BlaxelSandboxBody } from '@atoll/protocol';
import { RemoteAPIError } from '../errors.ts';
import { withoutUndefined } from '../without-undefined.ts';
import { createBlaxelConnection, sendCall } from './blaxel-connection.ts';
import type { BlaxelConnection, BlaxelOptions } from './blaxel-connection.ts';
import type { SandboxAccess } from './sandbox-access.ts';
import { SandboxFileSystem } from './sandbox-filesystem.ts';
import { SandboxPreviews } from './sandbox-previews.ts';
import { SandboxProcess } from './sandbox-process.ts';
import { SandboxSchedules } from './sandbox-schedules.ts';
import { SandboxSessions } from './sandbox-sessions.ts';
import type { SandboxSession } from './sandbox-sessions.ts';
import { SandboxSnapshots } from './sandbox-snapshots.ts';
import type { Fork, ForkOptions } from './sandbox-snapshots.ts';

/** What a sandbox is to be. */
export interface CreateSandbox {
  /** Without one the server gives it a name. */
  name?: string;
  /** `sandbox/NAME:TAG` of the workspace, or a name of the server. Default `blaxel/base-image:latest`. */
  image?: string;
  /** In MB. Default 4096. */
  memory?: number;
  ports?: { name?: string; target: number; protocol?: 'HTTP' | 'TCP' | 'UDP' | 'TLS' }[];
  envs?: { name: string; value: string; secret?: boolean }[];
  labels?: Record<string, string>;
  /** `30m`, `24h`, `7d`. */
  ttl?: string;
  /** When it ends. */
  expires?: Date;
  externalId?: string;
  /** Of the workspace, mounted when it starts. */
  volumes?: { name: string; mountPath: string; readOnly?: boolean }[];
  lifecycle?: protocol.BlaxelSandboxSpec['lifecycle'];
  network?: protocol.BlaxelSandboxSpec['network'];
}

const DEFAULT_IMAGE = 'blaxel/base-image:latest';
const DEFAULT_MEMORY_MB = 4096;

/** A sandbox with its processes and files, under the names of the Blaxel clients. */
export class SandboxInstance {
  readonly #connection: BlaxelConnection;
  #sandbox: BlaxelSandbox;
  /** Its processes. */
  readonly process: SandboxProcess;
  /** Its files. */
  readonly fs: SandboxFileSystem;
  /** Its ports at URLs of their own. */
  readonly previews: SandboxPreviews;
  /** Commands that it runs at certain times. */
  readonly schedules: SandboxSchedules;
  /** What it was at certain moments. */
  readonly snapshots: SandboxSnapshots;
  /** What lets programs without a key use it. */
  readonly sessions: SandboxSessions;

  private constructor(connection: BlaxelConnection, sandbox: BlaxelSandbox, session?: SandboxAccess) {
    this.#connection = connection;
    this.#sandbox = sandbox;
    const access: SandboxAccess = session ?? ((call) => connection.sandbox(this.#sandbox.metadata.url, call));
    const name = (): string => this.metadata.name;
    this.previews = new SandboxPreviews(connection, name);
    this.schedules = new SandboxSchedules(connection, name);
    this.snapshots = new SandboxSnapshots(connection, name);
    this.sessions = new SandboxSessions(this.previews);
    this.process = new SandboxProcess(access);
    this.fs = new SandboxFileSystem(access);
  }

  /** Makes one; answers when it runs. */
  static create(wanted: CreateSandbox = {}, options: BlaxelOptions = {}): Promise<SandboxInstance> {
    return make(wanted, options, {}, SandboxInstance.#of);
  }

  /** The one of that name, made where there is none that runs. */
  static createIfNotExists(wanted: CreateSandbox, options: BlaxelOptions = {}): Promise<SandboxInstance> {
    return make(wanted, options, { createIfNotExist: 'true' }, SandboxInstance.#of);
  }

  /** The one of that name. */
  static async get(name: string, options: BlaxelOptions = {}): Promise<SandboxInstance> {
    const connection = createBlaxelConnection(options);
    const input = { params: { name }, query: {} };
    return new SandboxInstance(connection, await connection.call(protocol.getBlaxelSandbox, input));
  }

  /** Those of the workspace, newest first. */
  static async list(options: BlaxelOptions = {}): Promise<SandboxInstance[]> {
    const connection = createBlaxelConnection(options);
    const all: SandboxInstance[] = [];
    let cursor: string | undefined;
    do {
      const query = withoutUndefined({ limit: 200, cursor });
      const page = await connection.call(protocol.listBlaxelSandboxes, { query });
      if (Array.isArray(page)) return page.map((sandbox) => new SandboxInstance(connection, sandbox));
      all.push(...page.data.map((sandbox) => new SandboxInstance(connection, sandbox)));
      cursor = page.meta.hasMore ? page.meta.nextCursor : undefined;
    } while (cursor !== undefined && cursor !== '');
    return all;
  }

  /** The processes and files of the sandbox that a session was opened for; needs no key. */
  static fromSession({ name, url, token }: Pick<SandboxSession, 'name' | 'url' | 'token'>): SandboxInstance {
    const now = new Date().toISOString();
    const metadata = { name, url, workspace: '', createdAt: now, updatedAt: now };
    const seen: BlaxelSandbox = { metadata, spec: {}, status: 'DEPLOYED', events: [] };
    return new SandboxInstance(createBlaxelConnection(), seen, sessionAccess(url, token));
  }

  /** Ends the one of that name. */
  static async delete(name: string, options: BlaxelOptions = {}): Promise<void> {
    const input = { params: { name }, query: {} };
    await createBlaxelConnection(options).call(protocol.deleteBlaxelSandbox, input);
  }

  static readonly #of = (connection: BlaxelConnection, sandbox: BlaxelSandbox): SandboxInstance =>
    new SandboxInstance(connection, sandbox);

  /** Name, address and labels. */
  get metadata(): BlaxelSandbox['metadata'] {
    return this.#sandbox.metadata;
  }

  /** What it was declared to be. */
  get spec(): BlaxelSandbox['spec'] {
    return this.#sandbox.spec;
  }

  /** How it stood when it was last looked at. */
  get status(): BlaxelSandbox['status'] {
    return this.#sandbox.status;
  }

  /** Looks at it again. */
  async refresh(): Promise<this> {
    const input = { params: { name: this.metadata.name }, query: {} };
    this.#sandbox = await this.#connection.call(protocol.getBlaxelSandbox, input);
    return this;
  }

  /** Replaces its labels; it runs on. */
  updateMetadata({ labels }: { labels: Record<string, string> }): Promise<this> {
    return this.#replace(({ metadata, spec }) => ({ metadata: { ...metadata, labels }, spec }));
  }

  /** Sets how long it may live, from its creation; it runs on. */
  updateTtl(ttl: string): Promise<this> {
    return this.#replace(({ metadata, spec }) => ({
      metadata,
      spec: { ...spec, runtime: { ...spec.runtime, ttl } },
    }));
  }

  /** Makes a sandbox that begins as this one is now. */
  fork(target: string, { envs }: ForkOptions = {}): Promise<Fork> {
    const body = withoutUndefined({ targetName: target, targetType: 'sandbox', envs });
    const input = { params: { name: this.metadata.name }, query: {}, body };
    return this.#connection.call(protocol.forkBlaxelSandbox, input);
  }

  /** Ends it. */
  async delete(): Promise<void> {
    const input = { params: { name: this.metadata.name }, query: {} };
    await this.#connection.call(protocol.deleteBlaxelSandbox, input);
  }

  /** Asks the server that listens on a port in it. Answers of any status are answers. */
  async fetch(port: number, path = '/', init: RequestInit = {}): Promise<Response> {
    const { method, body, signal } = init;
    try {
      return await this.#connection.sandbox(this.metadata.url, {
        path: `/port/${port}${path.startsWith('/') ? path : `/${path}`}`,
        headers: Object.fromEntries(new Headers(init.headers)),
        ...(method !== undefined && { method }),
        ...(body !== undefined && body !== null && { body }),
        ...(signal && { signal }),
      });
    } catch (error) {
      if (!(error instanceof RemoteAPIError)) throw error;
      return new Response(error.responseBody, { status: error.statusCode });
    }
  }

  async #replace(change: (sandbox: BlaxelSandbox) => object): Promise<this> {
    await this.refresh();
    const input = { params: { name: this.metadata.name }, query: {}, body: change(this.#sandbox) };
    this.#sandbox = await this.#connection.call(protocol.replaceBlaxelSandbox, input);
    return this;
  }
}

async function make(
  wanted: CreateSandbox,
  options: BlaxelOptions,
  query: { createIfNotExist?: 'true' },
  of: (connection: BlaxelConnection, sandbox: BlaxelSandbox) => SandboxInstance,
): Promise<SandboxInstance> {
  const connection = createBlaxelConnection(options);
  const body = toDeclaration(wanted);
  return of(connection, await connection.call(protocol.createBlaxelSandbox, { query, body }));
}

function toDeclaration(wanted: CreateSandbox): BlaxelSandboxBody {
  const { name, labels, externalId, lifecycle, network, volumes, expires, ...runtime } = wanted;
  return {
    metadata: withoutUndefined({ name, labels, externalId }),
    spec: withoutUndefined({
      runtime: {
        image: DEFAULT_IMAGE,
        memory: DEFAULT_MEMORY_MB,
        ...runtime,
        ...(expires && { expires: expires.toISOString() }),
      },
      lifecycle,
      network,
      volumes,
    }),
  };
}

/** With the token alone: a key has no business at the address of a preview. */
const sessionAccess =
  (url: string, token: string): SandboxAccess =>
  (call) =>
    sendCall(url.replace(/\/$/, ''), { 'x-blaxel-preview-token': token }, call);
