import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { TestServer } from '../../fixtures/server.ts';
import { installNpmFolder } from '../npm-folder.ts';

/** What the tests use of the published client; it is installed in a folder of its own, without its types. */
export interface SandboxInstance {
  metadata: { name: string; url: string; labels?: Record<string, string> };
  status: string;
  spec: { runtime: { image: string; envs?: { name: string; value: string }[] } };
  events: unknown[];
  process: {
    exec(request: Record<string, unknown>): Promise<ProcessResult>;
    get(identifier: string): Promise<ProcessResult>;
    list(): Promise<ProcessResult[]>;
    logs(identifier: string, type?: 'all' | 'stdout' | 'stderr'): Promise<string>;
    wait(identifier: string, options?: { maxWait?: number; interval?: number }): Promise<ProcessResult>;
    stop(identifier: string): Promise<unknown>;
    kill(identifier: string): Promise<unknown>;
    writeStdin(identifier: string, data: string): Promise<void>;
    closeStdin(identifier: string): Promise<void>;
    streamLogs(
      identifier: string,
      options: { onLog?: (line: string) => void; onStdout?: (line: string) => void },
    ): { close(): void; wait(): Promise<void> };
  };
  fs: {
    write(path: string, content: string): Promise<unknown>;
    writeBinary(path: string, content: Buffer): Promise<unknown>;
    writeTree(files: { path: string; content: string }[], path: string): Promise<unknown>;
    read(path: string): Promise<string>;
    readBinary(path: string): Promise<Blob>;
    ls(
      path: string,
    ): Promise<{ files: { name: string; permissions: string }[]; subdirectories: { name: string }[] }>;
    mkdir(path: string): Promise<unknown>;
    cp(from: string, to: string): Promise<unknown>;
    rm(path: string, recursive?: boolean): Promise<unknown>;
    find(path: string, options?: Record<string, unknown>): Promise<Matches<{ path: string; type: string }>>;
    search(
      query: string,
      path: string,
      options?: Record<string, unknown>,
    ): Promise<Matches<{ path: string; score: number }>>;
    grep(
      query: string,
      path: string,
      options?: Record<string, unknown>,
    ): Promise<Matches<{ path: string; line: number; column: number; text: string }> & { query: string }>;
    watch(
      path: string,
      onChange: (change: { op: string; name: string; path: string; content?: string }) => void,
      options?: { ignore?: string[]; withContent?: boolean; onError?: (error: Error) => void },
    ): { close(): void };
  };
  codegen: { fastapply(path: string, edit: string): Promise<unknown> };
  system: { upgrade(request?: object): Promise<unknown> };
  drives: {
    list(): Promise<unknown>;
    mount(request: object): Promise<unknown>;
    unmount(mountPath: string): Promise<unknown>;
  };
  fetch(port: number, path?: string): Promise<Response>;
  previews: {
    create(preview: object, force?: boolean): Promise<Preview>;
    createIfNotExists(preview: object): Promise<Preview>;
    get(name: string): Promise<Preview>;
    list(): Promise<Preview[]>;
    delete(name: string): Promise<unknown>;
  };
  schedules: {
    create(request: object): Promise<Schedule>;
    get(id: string): Promise<Schedule>;
    update(id: string, request: object): Promise<Schedule>;
    list(): Promise<{ data: Schedule[] }>;
    delete(id: string): Promise<unknown>;
    executions(): Promise<{ data: Execution[] }>;
  };
  snapshots: {
    create(name?: string): Promise<Snapshot>;
    list(): Promise<Snapshot[]>;
    get(name: string): Promise<Snapshot>;
    restore(name: string): Promise<{ name: string; snapshotId: string }>;
    delete(name: string): Promise<void>;
  };
  fork(target: string, options?: object): Promise<{ name: string; type: string }>;
  sessions: { create(options?: object): Promise<Session> };
  delete(): Promise<{ status: string }>;
}

export interface Matches<T> {
  matches: T[] | null;
  total: number;
}

export interface Preview {
  name: string;
  spec: { url: string; port: number };
  tokens: {
    create(expiresAt: Date): Promise<{ value: string; expired: boolean }>;
    list(): Promise<unknown[]>;
    delete(nameOrValue: string): Promise<unknown>;
  };
}

export interface Schedule {
  id: string;
  type: string;
  value: string;
  nextAt?: string;
  maxExecutions?: number;
}

export interface Execution {
  scheduleId: string;
  executedAt?: string;
  statusCode?: number;
  processName?: string;
}

export interface Snapshot {
  id: string;
  name: string;
  status: string;
  source: { name: string; deleted: boolean };
  fork(target: string, options?: object): Promise<{ name: string }>;
  delete(): Promise<unknown>;
}

export interface Session {
  name: string;
  url: string;
  token: string;
}

export interface ProcessResult {
  pid: string;
  name: string;
  command: string;
  status: string;
  exitCode: number;
  workingDir: string;
  logs: string;
  stdout: string;
  stderr: string;
  restartCount: number;
  completedAt: string | null;
}

export declare class VolumeInstance {
  readonly name: string;
  readonly size: number;
  readonly volume: { state: unknown; spec: { size: number } };
  static create(request: Record<string, unknown>): Promise<VolumeInstance>;
  readonly spec: { size?: number; template?: string };
  update(request: Record<string, unknown>): Promise<VolumeInstance>;
  delete(): Promise<unknown>;
  static createIfNotExists(request: Record<string, unknown>): Promise<VolumeInstance>;
  static get(name: string): Promise<VolumeInstance>;
  static update(name: string, request: Record<string, unknown>): Promise<VolumeInstance>;
  static delete(name: string): Promise<unknown>;
}

export declare class DriveInstance {
  readonly name: string;
  readonly status: string;
  delete(): Promise<unknown>;
  static create(request: Record<string, unknown>): Promise<DriveInstance>;
  static createIfNotExists(request: Record<string, unknown>): Promise<DriveInstance>;
  static get(name: string): Promise<DriveInstance>;
  static list(): Promise<{ data: DriveInstance[] }>;
}

export declare class ImageInstance {
  static fromRegistry(tag: string): ImageInstance;
  workdir(path: string): ImageInstance;
  runCommands(...commands: string[]): ImageInstance;
  addLocalFile(source: string, target: string): ImageInstance;
  env(variables: Record<string, string>): ImageInstance;
  build(options: {
    name: string;
    memory: number;
    timeout: number;
    onStatusChange?: (status: string) => void;
  }): Promise<{ status: string }>;
}

interface Exports {
  SandboxInstance: Client;
  VolumeInstance: typeof VolumeInstance;
  DriveInstance: typeof DriveInstance;
  ImageInstance: typeof ImageInstance;
}

export interface Client {
  create(request?: Record<string, unknown>): Promise<SandboxInstance>;
  createIfNotExists(request: Record<string, unknown>): Promise<SandboxInstance>;
  get(name: string): Promise<SandboxInstance>;
  list(query?: Record<string, unknown>): Promise<Iterable<SandboxInstance>>;
  updateMetadata(name: string, metadata: Record<string, unknown>): Promise<SandboxInstance>;
  updateTtl(name: string, ttl: string): Promise<SandboxInstance>;
  delete(name: string): Promise<{ status: string }>;
  fromSession(session: Session): Promise<SandboxInstance>;
}

/** The unmodified npm `@blaxel/core`, told by its own environment variables where the server is. */
export async function openClient(server: Pick<TestServer, 'url' | 'apiKey'>): Promise<Client> {
  const dir = await installNpmFolder('blaxel-npm');
  Object.assign(process.env, {
    BL_API_URL: `${server.url}/v0`,
    BL_RUN_URL: server.url,
    BL_WORKSPACE: 'default',
    BL_API_KEY: server.apiKey,
    BL_DISABLE_H2: '1',
    DO_NOT_TRACK: '1',
  });
  const { SandboxInstance: client, ...more } = requireAnew(dir);
  others.set(client, more);
  return client;
}

const others = new WeakMap<Client, Omit<Exports, 'SandboxInstance'>>();

/** What else the client of a server exports. */
export function exportsOf(client: Client): Omit<Exports, 'SandboxInstance'> {
  const found = others.get(client);
  if (found === undefined) throw new Error('this client was not opened here');
  return found;
}

/** It reads its variables once, when it is loaded: each server needs a client that was loaded for it. */
function requireAnew(dir: string): Exports {
  const require = createRequire(join(dir, 'package.json'));
  for (const path of Object.keys(require.cache)) if (path.startsWith(dir)) delete require.cache[path];
  return require('@blaxel/core') as Exports; // as above
}
