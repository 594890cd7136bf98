import { z } from 'zod';
import { canonicalRegistry } from './remote-reference.ts';
import type { RemoteReference } from './remote-reference.ts';

/** What a registry knows somebody by. In the clear it lives as long as one pull. */
export type Credentials =
  | { kind: 'password'; username: string; password: string }
  | { kind: 'identity-token'; token: string }
  | { kind: 'registry-token'; token: string };

const entry = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});
/** The `auths` of a docker configuration, as Kubernetes and image tools pass them on. */
export const dockerConfigSchema = z.object({ auths: z.record(z.string(), entry).default({}) });
export type DockerConfig = z.infer<typeof dockerConfigSchema>;

/** The credentials of a configuration for an image: the most specific entry that fits. */
export function findCredentials(
  config: DockerConfig,
  { registry, repository }: RemoteReference,
): Credentials | undefined {
  const wanted = `${registry}/${repository}/`;
  const fitting = Object.entries(config.auths)
    .map(([key, value]) => ({ scope: scopeOf(key), value }))
    .filter(({ scope }) => wanted.startsWith(`${scope}/`))
    .toSorted((a, b) => b.scope.length - a.scope.length);
  return fitting[0] && toCredentials(fitting[0].value);
}

/** Keys are hosts, hosts with a path, or URLs: `https://index.docker.io/v1/`. */
function scopeOf(key: string): string {
  const [host = '', ...path] = key.replace(/^https?:\/\//, '').split('/');
  const rest = path.filter((part) => part !== '');
  const isApiVersion = rest.length === 1 && /^v[12]$/.test(rest[0] ?? '');
  return [canonicalRegistry(host.toLowerCase()), ...(isApiVersion ? [] : rest)].join('/');
}

/** The credentials of one entry; absent where it holds none. */
export function toCredentials(given: z.infer<typeof entry>): Credentials | undefined {
  if (given.registrytoken) return { kind: 'registry-token', token: given.registrytoken };
  if (given.identitytoken) return { kind: 'identity-token', token: given.identitytoken };
  const pair = given.auth === undefined ? '' : Buffer.from(given.auth, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  const username = given.username ?? pair.slice(0, Math.max(0, colon));
  const password = given.password ?? (colon < 0 ? '' : pair.slice(colon + 1).replace(/\0+$/, ''));
  if (username === '' && password === '') return undefined;
  // Credential helpers hand out identity tokens under this user name.
  if (username === '<token>') return { kind: 'identity-token', token: password };
  return { kind: 'password', username, password };
}
