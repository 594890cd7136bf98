import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';

export interface ResolverAddress {
  host: string;
  port: number;
}

const DNS_PORT = 53;
const RECHECK_MS = 1_000;

/** Reads `host`, `host:port` or `[v6]:port`; undefined for anything but a literal address. */
export function parseResolverAddress(text: string): ResolverAddress | undefined {
  if (isIP(text) !== 0) return { host: text, port: DNS_PORT };
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  return isIP(host) !== 0 && port > 0 && port < 65_536 ? { host, port } : undefined;
}

/** The `nameserver` lines of a resolv.conf(5). */
export function parseResolvConf(text: string): ResolverAddress[] {
  return text.split('\n').flatMap((line) => {
    const [keyword, value = ''] = line.trim().split(/\s+/);
    return keyword === 'nameserver' ? (parseResolverAddress(value) ?? []) : [];
  });
}

/** The host's resolvers, read again when the file has changed; a file that is gone leaves the last known ones. */
export function createResolverList(path = '/etc/resolv.conf'): () => Promise<readonly ResolverAddress[]> {
  let known: ResolverAddress[] = [];
  let changedAt: number | undefined;
  let checkedAt = -Infinity;
  return async () => {
    if (Date.now() - checkedAt < RECHECK_MS) return known;
    checkedAt = Date.now();
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || found.mtimeMs === changedAt) return known;
    known = parseResolvConf(await readFile(path, 'utf8'));
    changedAt = found.mtimeMs;
    return known;
  };
}
