import { InvalidArgumentError } from 'commander';

/** `HOST:PORT`, also with an IPv6 host in brackets. */
export function parseListen(given: string): { host: string; port: number } {
  const [, host, port] = /^\[?([^\]]+)\]?:(\d+)$/.exec(given) ?? [];
  if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) };
  throw new InvalidArgumentError('It must be HOST:PORT.');
}
