import { InvalidArgumentError } from 'commander';

/** `KEY=VALUE`; the value may be empty and may hold `=`. */
export function parseEnv(given: string): readonly [string, string] {
  const at = given.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be KEY=VALUE.');
  return [given.slice(0, at), given.slice(at + 1)];
}
