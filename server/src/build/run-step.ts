import { mkdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { ProcessEnd } from '../agent/run-process.ts';
import { pipeLayers } from '../image/layer-tool.ts';
import type { SandboxMount } from '../runtime/driver.ts';
import { writeMountFile } from './builder.ts';
import type { BuilderResult } from './builder.ts';
import { holdCaches } from './hold-caches.ts';
import type { BindMount, Mount, SecretMount } from './dockerfile/mount.ts';
import type { RunStep } from './dockerfile/step.ts';
import { failMount } from './mount-failure.ts';
import { agentSocket, requireAnswers } from './ssh-mount.ts';
import type { AgentSocket } from './ssh-mount.ts';
import { StepFailure } from './step-failure.ts';
import type { StepContext, StepPlace } from './step-context.ts';

/** What the files are that the mounts of a RUN show, by their content. */
export async function digestMounts(context: StepContext, { mounts }: RunStep): Promise<readonly string[]> {
  const digests: string[] = [];
  for (const mount of mounts) {
    if (mount.type !== 'bind' && !(mount.type === 'cache' && mount.from)) continue;
    const origin = await context.origins.find(mount.from ?? { kind: 'context' });
    if (origin.key === undefined) digests.push(await digestOf(context, origin.path, mount.source));
    else digests.push(`${origin.key} ${mount.source}`);
  }
  return digests;
}

async function digestOf({ tool, signal }: StepContext, root: string, path: string): Promise<string> {
  const request = { sources: [{ path, text: path }], ownedByRoot: true };
  const digest = await tool({ verb: 'digest', root, request, signal }).catch(failMount);
  return String(digest);
}

/** Runs the command of a RUN over what the stage has so far. */
export async function carryOutRun(context: StepContext, step: RunStep, place: StepPlace): Promise<void> {
  refuse(step);
  const released: (() => Promise<void>)[] = [];
  try {
    const prepared = await prepareMounts(context, step, released);
    const result = await context.builder.run({
      lowers: await context.workshop.trees(place.before.layers, context.signal),
      disk: place.disk,
      cpus: context.cpus,
      memoryMb: context.memoryMb,
      mounts: prepared.mounts,
      sockets: prepared.sockets,
      hasNetwork: step.network !== 'none',
      workspaceId: context.workspaceId,
      process: {
        argv: step.argv,
        env: envOf(step, prepared),
        workingDir: step.workdir,
        user: step.user,
      },
      signal: context.signal,
      onLine: place.onLine,
    });
    const shown = [...prepared.mounts.map(({ destination }) => destination), ...etcFiles];
    place.onMountPoints([...shown, ...prepared.sockets.map(({ path }) => path)], result.ids);
    requireAnswers('RUN --mount=type=ssh', prepared.sockets);
    await requireSuccess(context, step, result);
  } finally {
    // All of them, also when one fails.
    await Promise.all(released.map((release) => release()));
  }
}

/** The first agent is the one that programs look for, unless ENV names another. */
function envOf(step: RunStep, { sockets: [first], env }: PreparedMounts): Record<string, string> {
  const own = Object.fromEntries(step.env.map(({ name, value }) => [name, value]));
  return { ...(first && { SSH_AUTH_SOCK: first.path }), ...own, ...env };
}

const etcFiles = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf'];

function refuse({ network, security }: RunStep): void {
  if (network === 'host') {
    throw new StepFailure('RUN --network=host is refused: no build sees the network of the host', {
      hint: 'Leave --network out: builds reach the internet as sandboxes do.',
    });
  }
  if (security === 'insecure') {
    throw new StepFailure('RUN --security=insecure is refused: builds have no rights on the host');
  }
}

async function requireSuccess(context: StepContext, step: RunStep, result: BuilderResult): Promise<void> {
  const { end, ranOutOfMemory } = result;
  if (end.kind === 'exited' && end.code === 0) return;
  const exitCode = exitCodeOf(end);
  const how = { ...(exitCode !== undefined && { exitCode }) };
  if (ranOutOfMemory) {
    throw new StepFailure(`the step ran out of memory: it may use ${context.memoryMb} MB`, {
      ...how,
      shortOf: 'memory',
      hint: 'Give the build more memory (memoryMb, --memory).',
    });
  }
  if (await context.workplace.isFull()) {
    throw new StepFailure('the disk of the build is full', {
      ...how,
      shortOf: 'disk',
      hint: 'Give the build a larger disk (builderDiskMb, --builder-disk-mb).',
    });
  }
  throw new StepFailure(messageOf(step, end), how);
}

function exitCodeOf(end: ProcessEnd): number | undefined {
  if (end.kind === 'exited') return end.code;
  return end.kind === 'signaled' ? 128 + end.signal : undefined;
}

function messageOf(step: RunStep, end: ProcessEnd): string {
  const command = JSON.stringify(step.argv.join(' ').slice(0, 200));
  switch (end.kind) {
    case 'exited':
      return `the command ${command} ended with exit code ${end.code}`;
    case 'signaled':
      return `the command ${command} was ended by signal ${end.signal}`;
    case 'refused':
      return `the command ${command} could not be started: ${end.reason}`;
    case 'lost':
      return `the sandbox of the command ${command} ended before it did`;
  }
}

interface PreparedMounts {
  mounts: SandboxMount[];
  sockets: AgentSocket[];
  env: Record<string, string>;
}

async function prepareMounts(
  context: StepContext,
  step: RunStep,
  released: (() => Promise<void>)[],
): Promise<PreparedMounts> {
  const prepared: PreparedMounts = { mounts: [], sockets: [], env: {} };
  const caches = await holdCaches(context, step.mounts, released);
  for (const mount of step.mounts) await prepareMount(context, mount, prepared, caches);
  if (step.script) prepared.mounts.push(await scriptMount(context, step.script));
  return prepared;
}

async function prepareMount(
  context: StepContext,
  mount: Mount,
  { mounts, sockets, env }: PreparedMounts,
  caches: ReadonlyMap<string, string>,
): Promise<void> {
  switch (mount.type) {
    case 'bind':
      return void mounts.push(await bindMount(context, mount));
    case 'cache': {
      const { target: destination, isReadonly } = mount;
      const source = caches.get(mount.id);
      if (source === undefined) throw new Error(`the cache ${mount.id} is not held`);
      return void mounts.push({ kind: 'bind', destination, source, isReadonly });
    }
    case 'tmpfs': {
      const { target: destination, sizeBytes } = mount;
      return void mounts.push({ kind: 'tmpfs', destination, ...(sizeBytes !== undefined && { sizeBytes }) });
    }
    case 'secret':
      return secretMount(context, mount, { mounts, env });
    case 'ssh': {
      const socket = agentSocket(context, mount);
      return socket && void sockets.push(socket);
    }
  }
}

/** A writable one forgets what is written to it, so it is a copy. */
async function bindMount(context: StepContext, mount: BindMount): Promise<SandboxMount> {
  const { tool, workplace, signal } = context;
  const origin = await context.origins.find(mount.from);
  const resolved = await tool({
    verb: 'resolve',
    root: origin.path,
    request: { path: mount.source },
    signal,
  }).catch(failMount);
  const at = String(resolved);
  const { target: destination } = mount;
  if (mount.isReadonly) return { kind: 'bind', destination, source: join(origin.path, at), isReadonly: true };
  const copy = await workplace.makeDir('bind');
  const request = { sources: [{ path: at, text: mount.source }] };
  await pipeLayers(
    tool,
    { verb: 'pack', root: origin.path, request, signal },
    { verb: 'place', root: copy, request: { destination: '/content' }, signal },
  ).catch(failMount);
  return { kind: 'bind', destination, source: join(copy, 'content'), isReadonly: false };
}

async function secretMount(
  { secrets, workplace }: StepContext,
  mount: SecretMount,
  { mounts, env }: Pick<PreparedMounts, 'mounts' | 'env'>,
): Promise<void> {
  const value = secrets.get(mount.id);
  if (value === undefined) {
    if (!mount.isRequired) return;
    throw new StepFailure(`RUN --mount=type=secret: this build was given no secret ${mount.id}`, {
      hint: `Pass it with --secret id=${mount.id},src=FILE.`,
    });
  }
  if (mount.env !== undefined) env[mount.env] = value.toString('utf8');
  if (mount.target === undefined) return;
  const source = join(workplace.secretDir, crypto.randomUUID());
  await writeMountFile(source, value, mount);
  mounts.push({ kind: 'bind', destination: mount.target, source, isReadonly: true });
}

async function scriptMount(
  { workplace }: StepContext,
  { path, content }: { path: string; content: string },
): Promise<SandboxMount> {
  const dir = await workplace.makeDir('script');
  await mkdir(join(dir, 'files'), { mode: 0o755 });
  const owner = { mode: 0o755, uid: 0, gid: 0 };
  await writeMountFile(join(dir, 'files', posix.basename(path)), content, owner);
  return { kind: 'bind', destination: posix.dirname(path), source: join(dir, 'files'), isReadonly: true };
}
