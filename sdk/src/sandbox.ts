import { loadDesktop, loadTunnel } from '#platform';
import { dataPlane, terminalRoutes } from '@atoll/protocol';
import type { NetworkReport, Route, RouteAnswer, RouteCall } from '@atoll/protocol';
import type { ConnectOptions, SettleOptions, WaitOptions } from './call-options.ts';
import type { CopySandboxOptions, CopySandboxResponse } from './sandbox-copy.ts';
import { createConnection, type ClientOptions } from './connection.ts';
import { toDaemonInfo, type DaemonInfo } from './daemon-info.ts';
import type { ConnectDesktopOptions, Desktop } from './desktop/desktop.ts';
import { SandboxError } from './errors.ts';
import { isRereadable, readChunks, readWhole, toBody, toListing } from './file-content.ts';
import type { DirectoryListing, FileContent } from './file-content.ts';
import { merge, pidParams, toProcessBody, toProcessInfo, toResult } from './process-info.ts';
import type {
  CommandResult,
  OutputEvent,
  OutputResponse,
  ProcessInfo,
  RunEvent,
  RunOptions,
  StartProcessOptions,
} from './process-info.ts';
import { toPtyBody, toPtySessionInfo, type CreatePtyOptions, type PtySessionInfo } from './pty-session.ts';
import { Pty, type PtyConnectionOptions } from './pty.ts';
import { socketUrl } from './message-socket.ts';
import type { TcpTunnel, CreateTunnelOptions } from './tunnel.ts';
import { followOutput, readOutput } from './process-output.ts';
import { readRun } from './process-stream.ts';
import { Lifecycle, type CreateAndConnectOptions } from './lifecycle.ts';
import { whereabouts, type SandboxParts } from './sandbox-parts.ts';
import { SandboxFiles } from './sandbox-files.ts';
import { followLogs, listLogged, readLogs } from './sandbox-logs.ts';
import type { FollowedLogEntry, FollowLogsOptions, GetSandboxLogsOptions } from './sandbox-logs.ts';
import type { LoggedProcess, SandboxLogs } from './sandbox-logs.ts';
import type { SandboxInfo, SandboxStatus, UpdateSandboxOptions } from './sandbox-info.ts';
import { snapshotsOf, type CheckpointOptions, type RollbackOptions, type SnapshotInfo } from './snapshots.ts';
import type { CallOptions } from './transport.ts';

/**
 * A live sandbox: run commands, watch processes, move files. Made by `createAndConnect` or `connect`.
 * All methods throw RemoteAPIError where the sandbox refuses, SandboxConnectionError where it is not reached.
 *
 * @example
 * await using sandbox = await client.createAndConnect({ memoryMb: 512 });
 * const { stdout } = await sandbox.run('python3', ['-c', 'print(6 * 7)']);
 */
export class Sandbox implements AsyncDisposable {
  /** The id, also where it was connected by name. */
  readonly sandboxId: string;
  readonly #parts: SandboxParts;
  #name: string | null;
  #closed = false;

  constructor(parts: SandboxParts) {
    this.sandboxId = parts.sandboxId;
    this.#parts = parts;
    this.#name = parts.name ?? null;
  }

  /** Creates a sandbox and waits until it runs, like `SandboxClient.createAndConnect`. */
  static async create(options: CreateAndConnectOptions & ClientOptions = {}): Promise<Sandbox> {
    const connection = createConnection(options);
    const lifecycle = new Lifecycle(connection);
    const made = whereabouts(await lifecycle.createRunning(options));
    return new Sandbox({ ...made, lifecycle, connection, owned: true });
  }

  /** A handle for a sandbox that exists, by id or name, like `SandboxClient.connect`. */
  static async connect(options: { sandboxId: string } & ConnectOptions & ClientOptions): Promise<Sandbox> {
    const connection = createConnection(options);
    const lifecycle = new Lifecycle(connection);
    const found = whereabouts(await lifecycle.get(options.sandboxId, options), options.proxyUrl);
    return new Sandbox({ ...found, lifecycle, connection, owned: false });
  }

  /** Its name, or null for an ephemeral sandbox. */
  get name(): string | null {
    return this.#name;
  }

  /** Asks the server for everything it knows about the sandbox. */
  async info(options: WaitOptions = {}): Promise<SandboxInfo> {
    const info = await this.#parts.lifecycle.get(this.sandboxId, options);
    this.#name = info.name ?? null;
    return info;
  }

  /** Asks the server for its state. */
  async status(options: WaitOptions = {}): Promise<SandboxStatus> {
    return (await this.info(options)).status;
  }

  /** Changes its name, ports or network. */
  async update(changes: UpdateSandboxOptions, options: WaitOptions = {}): Promise<SandboxInfo> {
    const info = await this.#parts.lifecycle.update(this.sandboxId, changes, options);
    this.#name = info.name ?? null;
    return info;
  }

  /** What went through its network, by which rules, and what was refused of late. */
  network(options: WaitOptions = {}): Promise<NetworkReport> {
    return this.#parts.lifecycle.network(this.sandboxId, options);
  }

  /** What its processes printed, a part of it, oldest line first; also after its end, for seven days. */
  getLogs(options: GetSandboxLogsOptions = {}): Promise<SandboxLogs> {
    return readLogs(this.#parts.lifecycle, this.sandboxId, options);
  }

  /** The processes of which printed lines are kept. */
  listLogProcesses(options: WaitOptions = {}): Promise<LoggedProcess[]> {
    return listLogged(this.#parts.lifecycle, this.sandboxId, options);
  }

  /** What its processes printed and print, line by line, until it ends. */
  followLogs(options: FollowLogsOptions = {}): AsyncGenerator<FollowedLogEntry> {
    return followLogs(this.#parts.connection, this.#parts.lifecycle, this.sandboxId, options);
  }

  /** Lets the sandbox stand still with its memory, files and processes; any request wakes it. It needs a name. */
  suspend(options: SettleOptions = {}): Promise<void> {
    return this.#parts.lifecycle.settle('suspended', this.sandboxId, options);
  }

  /** Lets a suspended sandbox go on where it was. */
  resume(options: SettleOptions = {}): Promise<void> {
    return this.#parts.lifecycle.settle('running', this.sandboxId, options);
  }

  /** Takes a snapshot of the sandbox, which goes on, and waits until others can start from it. (seed 003) */
  checkpoint(options: CheckpointOptions = {}): Promise<SnapshotInfo> {
    return snapshotsOf(this.#parts).checkpoint(this.sandboxId, options);
  }

  /** The snapshots that were taken of this sandbox, newest first. */
  listSnapshots(options: WaitOptions = {}): Promise<SnapshotInfo[]> {
    return snapshotsOf(this.#parts).listOf(this.sandboxId, options);
  }

  /** Starts it again from a snapshot, under the same id and name; what it did since is lost. */
  rollback(snapshotId: string, options: RollbackOptions = {}): Promise<SandboxInfo> {
    return snapshotsOf(this.#parts).rollback(this.sandboxId, snapshotId, options);
  }

  /** Makes live copies of the sandbox, with memory and processes, and says of each what became of it. (seed 003) */
  copy(options: CopySandboxOptions = {}): Promise<CopySandboxResponse> {
    return this.#parts.lifecycle.copy(this.sandboxId, options);
  }

  /** Ends the sandbox for good; one that has ended already is no error. The handle is closed then. */
  async terminate(options: WaitOptions = {}): Promise<void> {
    await this.#parts.lifecycle.delete(this.sandboxId, options);
    this.#closed = true;
  }

  /** Ends the handle. The sandbox keeps running. */
  close(): void {
    this.#closed = true;
  }

  /** Terminates a sandbox that this handle created; a handle from `connect` is only closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed || !this.#parts.owned) return this.close();
    await this.terminate();
  }

  /**
   * Runs a command to its end and returns what it printed. A command that fails is a result, not an error.
   * Not repeated where the connection fails: it may have run.
   */
  async run(command: string, args: string[], options?: Omit<RunOptions, 'args'>): Promise<CommandResult>;
  async run(command: string, options?: RunOptions): Promise<CommandResult>;
  async run(
    command: string,
    argsOrOptions: string[] | RunOptions = {},
    more: RunOptions = {},
  ): Promise<CommandResult> {
    const output = { stdout: [] as string[], stderr: [] as string[] };
    const options = merge(argsOrOptions, more);
    for await (const event of this.runStream(command, options)) {
      if (event.kind === 'output') output[event.stream].push(event.line);
      if (event.kind === 'exited') return toResult(output, event.exitCode, false);
      if (event.kind === 'signaled') return toResult(output, -event.signal, event.oomKilled);
    }
    throw new SandboxError('the command did not say how it ended');
  }

  /** Runs a command and gives its output line by line as it comes, then its end. Leaving the loop kills it. */
  async *runStream(command: string, options: RunOptions = {}): AsyncGenerator<RunEvent> {
    const input = { body: toProcessBody(command, options) };
    const response = await this.#stream(dataPlane.runProcess, input, { signal: options.signal });
    yield* readRun(response, options.signal);
  }

  /** Starts a process in the background. */
  async startProcess(
    command: string,
    args: string[],
    options?: Omit<StartProcessOptions, 'args'> & WaitOptions,
  ): Promise<ProcessInfo>;
  async startProcess(command: string, options?: StartProcessOptions & WaitOptions): Promise<ProcessInfo>;
  async startProcess(
    command: string,
    argsOrOptions: string[] | (StartProcessOptions & WaitOptions) = {},
    more: StartProcessOptions & WaitOptions = {},
  ): Promise<ProcessInfo> {
    const options = merge(argsOrOptions, more);
    const input = { body: toProcessBody(command, options) };
    return toProcessInfo(await this.#call(dataPlane.startProcess, input, options));
  }

  /** Every process that was started, ended ones included. */
  async listProcesses(options: WaitOptions = {}): Promise<ProcessInfo[]> {
    const { processes } = await this.#call(dataPlane.listProcesses, {}, options);
    return processes.map(toProcessInfo);
  }

  /** One process by its pid, or by the name it was started with. */
  async getProcess(process: number | string, options: WaitOptions = {}): Promise<ProcessInfo> {
    return toProcessInfo(await this.#call(dataPlane.getProcess, pidParams(process), options));
  }

  /** SIGKILL for a process and its group. */
  async killProcess(process: number | string, options: WaitOptions = {}): Promise<void> {
    await this.#call(dataPlane.killProcess, pidParams(process), options);
  }

  /** Ends a managed process, if it runs, and starts it again. */
  async restartProcess(process: number | string, options: WaitOptions = {}): Promise<ProcessInfo> {
    return toProcessInfo(await this.#call(dataPlane.restartProcess, pidParams(process), options));
  }

  /** Sends a signal by number, e.g. 15 for SIGTERM. */
  async sendSignal(
    process: number | string,
    signal: number,
    options: WaitOptions = {},
  ): Promise<{ success: boolean }> {
    return this.#call(dataPlane.signalProcess, { ...pidParams(process), body: { signal } }, options);
  }

  /** Writes to the standard input of a process that was started with `stdinMode: 'pipe'`. */
  async writeStdin(
    process: number | string,
    data: Uint8Array | string,
    options: WaitOptions = {},
  ): Promise<void> {
    await this.#stream(dataPlane.writeStdin, pidParams(process), { ...options, rawBody: toBody(data) }, true);
  }

  /** Closes standard input: the process reads end of file. */
  async closeStdin(process: number | string, options: WaitOptions = {}): Promise<void> {
    await this.#call(dataPlane.closeStdin, pidParams(process), options);
  }

  /** The captured lines of standard output so far. */
  async getStdout(process: number | string, options: WaitOptions = {}): Promise<OutputResponse> {
    return readOutput(await this.#agent(), { process, source: 'stdout' }, options);
  }

  /** The captured lines of standard error so far. */
  async getStderr(process: number | string, options: WaitOptions = {}): Promise<OutputResponse> {
    return readOutput(await this.#agent(), { process, source: 'stderr' }, options);
  }

  /** The captured lines of both, by time. */
  async getOutput(process: number | string, options: WaitOptions = {}): Promise<OutputResponse> {
    return readOutput(await this.#agent(), { process, source: 'output' }, options);
  }

  /** Standard output line by line, captured lines first, until the process has ended. */
  followStdout(process: number | string, options: WaitOptions = {}): AsyncGenerator<OutputEvent> {
    return followOutput(() => this.#agent(), { process, source: 'stdout' }, options);
  }

  /** Standard error line by line, captured lines first, until the process has ended. */
  followStderr(process: number | string, options: WaitOptions = {}): AsyncGenerator<OutputEvent> {
    return followOutput(() => this.#agent(), { process, source: 'stderr' }, options);
  }

  /** Both outputs line by line, captured lines first, until the process has ended. */
  followOutput(process: number | string, options: WaitOptions = {}): AsyncGenerator<OutputEvent> {
    return followOutput(() => this.#agent(), { process, source: 'output' }, options);
  }

  /** A whole file. For big ones see `readFileStream`. */
  async readFile(path: string, options: WaitOptions = {}): Promise<Uint8Array> {
    return readWhole(await this.#stream(dataPlane.readFile, { query: { path } }, options), options.signal);
  }

  /** A file chunk by chunk as it comes, in constant memory. */
  async *readFileStream(path: string, options: WaitOptions = {}): AsyncGenerator<Uint8Array> {
    yield* readChunks(await this.#stream(dataPlane.readFile, { query: { path } }, options), options.signal);
  }

  /** Writes a file, replacing what was there; parent directories are made. */
  async writeFile(path: string, content: FileContent, options: WaitOptions = {}): Promise<void> {
    const call = { ...options, rawBody: toBody(content), repeatable: isRereadable(content) };
    await this.#stream(dataPlane.writeFile, { query: { path } }, call, true);
  }

  /** Deletes a file. */
  async deleteFile(path: string, options: WaitOptions = {}): Promise<void> {
    await this.#call(dataPlane.deleteFile, { query: { path } }, options);
  }

  /** The entries of a directory, directories first. */
  async listDirectory(path: string, options: WaitOptions = {}): Promise<DirectoryListing> {
    return toListing(await this.#call(dataPlane.listDirectory, { query: { path } }, options));
  }

  /** Directories and trees: find, search, watch, move, copy, archives. */
  get files(): SandboxFiles {
    return new SandboxFiles(() => this.#agent());
  }

  /** Starts a process on a terminal and attaches to it. */
  async createPty(options: CreatePtyOptions & WaitOptions): Promise<Pty> {
    const made = await this.#call(terminalRoutes.createPty, { body: toPtyBody(options) }, options);
    return this.connectPty(made.session_id, made.token, options);
  }

  /** Attaches to a terminal session; what it printed last comes first. */
  async connectPty(
    sessionId: string,
    token: string,
    options: PtyConnectionOptions & WaitOptions = {},
  ): Promise<Pty> {
    const at = await this.#address();
    const websocketUrl = socketUrl(at, `/api/v1/pty/${encodeURIComponent(sessionId)}/ws?token=${token}`);
    const kill = () => this.killPty(sessionId);
    return Pty.attach({ sessionId, token, websocketUrl, headers: at.headers, kill }, options);
  }

  /** Terminal sessions, those that ended within the last minute included. */
  async listPtys(options: WaitOptions = {}): Promise<PtySessionInfo[]> {
    return (await this.#call(terminalRoutes.listPtys, {}, options)).sessions.map(toPtySessionInfo);
  }

  /** Ends a terminal session and its process. */
  async killPty(sessionId: string, options: WaitOptions = {}): Promise<void> {
    await this.#call(terminalRoutes.killPty, { params: { session_id: sessionId } }, options);
  }

  /** Opens a local port whose connections end at a port on the loopback of the sandbox. */
  async createTunnel(remotePort: number, options: CreateTunnelOptions = {}): Promise<TcpTunnel> {
    const { TcpTunnel: Tunnel } = await loadTunnel();
    return Tunnel.listen(() => this.#address(), remotePort, options);
  }

  /** Where the WebSocket of such a tunnel is, for a client of its own; it is opened by the same key or session. */
  async tunnelUrl(remotePort: number): Promise<string> {
    return socketUrl(await this.#address(), `/api/v1/tunnels/tcp?port=${remotePort}`);
  }

  /** Connects to a VNC server in the sandbox, such as that of the image `ubuntu-vnc`: screen, mouse and keys. */
  async connectDesktop(options: ConnectDesktopOptions = {}): Promise<Desktop> {
    const { Desktop: DesktopClass } = await loadDesktop();
    return DesktopClass.connect(() => this.#address(), options);
  }

  /** Whether the agent in the sandbox answers. */
  async health(options: WaitOptions = {}): Promise<{ healthy: boolean }> {
    return this.#call(dataPlane.agentHealth, {}, options);
  }

  /** Version, uptime (seconds) and process counts of the agent in the sandbox. */
  async daemonInfo(options: WaitOptions = {}): Promise<DaemonInfo> {
    return toDaemonInfo(await this.#call(dataPlane.agentInfo, {}, options));
  }

  async #call<R extends Route>(route: R, input: RouteCall<R>, options: WaitOptions): Promise<RouteAnswer<R>> {
    return (await this.#agent()).call(route, input, { signal: options.signal });
  }

  /** `discard` reads off an answer without content, so that its connection is free again. */
  async #stream<R extends Route>(
    route: R,
    input: RouteCall<R>,
    options: CallOptions,
    discard = false,
  ): Promise<Response> {
    const response = await (await this.#agent()).stream(route, input, options);
    if (discard) await response.body?.cancel();
    return response;
  }

  #address() {
    return this.#open().connection.sandboxAddress(this.sandboxId, this.#parts.sandboxUrl);
  }

  #agent() {
    return this.#open().connection.sandbox(this.sandboxId, this.#parts.sandboxUrl);
  }

  #open(): SandboxParts {
    if (this.#closed) throw new SandboxError(`the handle of sandbox ${this.sandboxId} is closed`);
    return this.#parts;
  }
}
