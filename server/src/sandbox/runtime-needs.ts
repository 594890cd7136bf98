import { ApiError } from '@atoll/protocol';
import type { NamedManifest } from '../image/image-store.ts';
import type { RuntimeDriver, RuntimeNeeds } from '../runtime/driver.ts';

/** What the image needs at run time, if it needs anything; refused where the driver cannot give it. */
export function requireNeeds(
  { name, capabilities }: Pick<RuntimeDriver, 'name' | 'capabilities'>,
  image: NamedManifest,
): RuntimeNeeds | undefined {
  if (image.needs === undefined || capabilities.runtimeNeeds) return image.needs;
  const reason =
    name === 'native'
      ? 'what it asks for would reach the host’s own kernel there'
      : 'sandboxes are plain processes there';
  throw new ApiError(
    'unsupported',
    `the image ${image.canonicalName} needs ${describeNeeds(image.needs)}, which the runtime ${name} does not give: ${reason}`,
    { hint: 'Start it on a server with --runtime gvisor.' },
  );
}

/** Every image that is built on demand needs something: refused before it is built. */
export function requireForRecipes(
  { name, capabilities }: Pick<RuntimeDriver, 'name' | 'capabilities'>,
  image: string,
): void {
  if (capabilities.runtimeNeeds) return;
  throw new ApiError('unsupported', `the image ${image} runs services that the runtime ${name} cannot`, {
    hint: 'Start it on a server with --runtime gvisor.',
  });
}

function describeNeeds({ init, startup, capabilities, flavour, tmpfs }: RuntimeNeeds): string {
  const parts = [
    ...(startup === undefined ? [] : [`${startup} started as root`]),
    ...(init === undefined ? [] : [`${init} as PID 1`]),
    ...(capabilities.length === 0 ? [] : ['more capabilities']),
    ...(flavour.packetSockets ? ['packet sockets'] : []),
    ...tmpfs.map(({ path }) => `a tmpfs on ${path}`),
  ];
  return parts.length === 0 ? `cgroup ${flavour.cgroup}` : parts.join(', ');
}
