import { readRecord } from '../test/security/security-record.ts';
import type { DriverRecord } from '../test/security/security-record.ts';

/** What the last security run found, as a page; SECURITY.md has all of it. */
export function securitySummary(): string {
  const drivers = Object.entries(readRecord());
  return [
    '# Security',
    '',
    'As `test/security` found it, which fails where it finds anything else; each attempt is in [SECURITY.md](../../SECURITY.md).',
    '',
    '| driver | attempts, as root and as a user | refused | got what is the sandbox’s own | what is used up inside |',
    '|---|---|---|---|---|',
    ...drivers.map(([driver, found]) => `| ${[driver, ...cellsOf(found)].join(' | ')} |`),
    '',
  ].join('\n');
}

function cellsOf({ attempts, exhaustion }: DriverRecord): (string | number)[] {
  const outcomes = Object.values(attempts).flatMap((byUser) => Object.values(byUser));
  const refused = outcomes.filter((outcome) => outcome.startsWith('refused')).length;
  const fates = Map.groupBy(Object.entries(exhaustion), ([, fate]) => fate);
  const told = [...fates].map(([fate, found]) => `${found.map(([what]) => what).join(', ')}: ${fate}`);
  return [outcomes.length, refused, outcomes.length - refused, told.join('; ')];
}
