import { bodyChunks } from './body-chunks.ts';
import * as protocol from '@atoll/protocol';
import type {
  Build,
  BuildEvent,
  BuildOptions,
  BuildStatus,
  RouteAnswer,
  SshAnswer,
  SshEvent,
} from '@atoll/protocol';
import type { WaitOptions } from './call-options.ts';
import { createConnection } from './connection.ts';
import type { ClientOptions, Connection } from './connection.ts';
import { toBody } from './file-content.ts';
import { followEvents } from './follow-events.ts';
import { readEvents } from './server-sent-events.ts';
import { withoutUndefined } from './without-undefined.ts';

export type {
  Build,
  BuildEvent,
  BuildOptions,
  BuildResult,
  BuildStatus,
  SshAnswer,
  SshEvent,
} from '@atoll/protocol';

/** A sandbox in the state before the step of a build that failed. */
export type BuildDebugging = RouteAnswer<typeof protocol.debugBuild>;

type Wait = { signal?: AbortSignal | undefined };

/** Builds of images, as the server carries them out. `buildImage` and `Image.build` do all of it in one call. */
export class BuildClient {
  readonly #connection: Connection;

  constructor(options: ClientOptions = {}) {
    this.#connection = createConnection(options);
  }

  /** Begins a build. It waits for its context unless it has none. */
  async create(build: BuildOptions, options: Wait = {}): Promise<Build> {
    return (await this.#connection.server()).call(protocol.createBuild, { body: build }, options);
  }

  /** Sends the context as a tar archive; the build starts. */
  async uploadContext(id: string, archive: AsyncIterable<Uint8Array>, { signal }: Wait = {}): Promise<Build> {
    const transport = await this.#connection.server();
    const call = { rawBody: toBody(archive), repeatable: false, signal };
    const response = await transport.stream(protocol.uploadBuildContext, { params: { id } }, call);
    return protocol.build.parse(await response.json());
  }

  /** The workspace's builds, newest first. */
  async list(query: { status?: BuildStatus } = {}, options: WaitOptions = {}): Promise<Build[]> {
    const transport = await this.#connection.server();
    return (await transport.call(protocol.listBuilds, { query }, options)).builds;
  }

  /** One build. */
  async get(id: string, options: WaitOptions = {}): Promise<Build> {
    return (await this.#connection.server()).call(protocol.getBuild, { params: { id } }, options);
  }

  /** Ends a build. */
  async cancel(id: string, options: WaitOptions = {}): Promise<Build> {
    return (await this.#connection.server()).call(protocol.cancelBuild, { params: { id } }, options);
  }

  /** Starts a sandbox in the state before the step that failed. */
  async debug(id: string, options: WaitOptions = {}): Promise<BuildDebugging> {
    return (await this.#connection.server()).call(protocol.debugBuild, { params: { id } }, options);
  }

  /** What a build tells, from its start to its end; a broken connection is made anew and goes on where it was. */
  events(id: string, { signal, after = 0 }: Wait & { after?: number } = {}): AsyncGenerator<BuildEvent> {
    const open = (seen = 0): AsyncGenerator<BuildEvent> => this.#eventsOnce(id, seen, signal);
    return followEvents({ open, after, isLast, what: `the log of build ${id}`, signal });
  }

  async *#eventsOnce(id: string, after: number, signal: AbortSignal | undefined): AsyncGenerator<BuildEvent> {
    const transport = await this.#connection.server();
    const input = { params: { id }, query: withoutUndefined({ after: after || undefined }) };
    const response = await transport.stream(protocol.streamBuildEvents, input, { signal });
    for await (const { data } of readEvents(bodyChunks(response.body ?? new ReadableStream()))) {
      const event = protocol.buildEvent.safeParse(JSON.parse(data));
      // Newer servers may tell more.
      if (event.success) yield event.data;
    }
  }

  /**
   * Lends the SSH agents that the build was begun with (`ssh`), and tells what is asked of them, until the build ends.
   * `buildImage` answers by the agents of this machine.
   */
  async *lendSshAgents(id: string, { signal }: Wait = {}): AsyncGenerator<SshEvent> {
    const transport = await this.#connection.server();
    const call = { signal, repeatable: false };
    const response = await transport.stream(protocol.lendSshAgents, { params: { id } }, call);
    for await (const { data } of readEvents(bodyChunks(response.body ?? new ReadableStream()))) {
      const event = protocol.sshEvent.safeParse(JSON.parse(data));
      if (event.success) yield event.data;
    }
  }

  /** Answers what is asked of a lent SSH agent. */
  async answerSshRequest(id: string, answer: SshAnswer, options: Wait = {}): Promise<void> {
    const transport = await this.#connection.server();
    await transport.call(protocol.answerSshRequest, { params: { id }, body: answer }, options);
  }

  /** Ends the client; calls after this throw. */
  close(): void {
    this.#connection.close();
  }
}

const isLast = ({ type }: BuildEvent): boolean =>
  type === 'succeeded' || type === 'failed' || type === 'cancelled';
