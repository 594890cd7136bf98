import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRecord } from '../../test/security/security-record.ts';
import type { Confinement, DriverRecord } from '../../test/security/security-record.ts';

const BEGIN = '<!-- begin: what the security run found (npm run gen) -->';
const END = '<!-- end: what the security run found -->';

/** SECURITY.md with what the last recorded security run found between its marks. */
export function securityPage(root: string): string {
  const page = readFileSync(join(root, 'SECURITY.md'), 'utf8');
  const [before, rest] = [page.split(BEGIN)[0], page.split(END)[1]];
  if (before === undefined || rest === undefined) throw new Error('SECURITY.md has lost its marks');
  return `${before}${BEGIN}\n\n${securitySection()}\n\n${END}${rest}`;
}

type Named = [name: string, found: DriverRecord];

function securitySection(): string {
  const drivers = Object.entries(readRecord());
  return [confinementTable(drivers), exhaustionTable(drivers), attemptTable(drivers)].join('\n\n');
}

const yes = (is: boolean): string => (is ? 'yes' : 'no');
const list = (words: readonly string[]): string =>
  words.length === 0 ? 'none' : words.map((word) => `\`${word}\``).join(' ');

/** What ids, filters and namespaces say inside gVisor is no claim about the host. */
const isOfGuestKernel = (driver: string): boolean => driver === 'gvisor';
const CAPABILITIES = 'effective capabilities';

const properties: [string, (of: Confinement) => string][] = [
  [CAPABILITIES, ({ capabilities }) => list(capabilities)],
  ['system calls filtered by the host', ({ isFiltered }) => yes(isFiltered)],
  ['`no_new_privs`', ({ gainsNothing }) => yes(gainsNothing)],
  ['root by the ids of the host', ({ isHostRoot }) => yes(isHostRoot)],
  ['namespaces shared with the host', ({ sharedNamespaces }) => list(sharedNamespaces)],
];

function confinementTable(drivers: readonly Named[]): string {
  const rows = drivers.flatMap(([driver, { inside, outside }]) =>
    properties.map(([property, of]) => {
      const within = isOfGuestKernel(driver) ? () => 'of its own kernel' : of;
      return row([
        `\`${driver}\`: ${property}`,
        ...[inside.root, inside['tl-user']].map(property === CAPABILITIES ? of : within),
        of(outside),
      ]);
    }),
  );
  return table(['property', 'root inside', 'user inside', 'all processes on the host'], rows);
}

function exhaustionTable(drivers: readonly Named[]): string {
  const names = [...new Set(drivers.flatMap(([, { exhaustion }]) => Object.keys(exhaustion)))];
  const rows = names.map((name) =>
    row([name, ...drivers.map(([, { exhaustion }]) => exhaustion[name] ?? 'not tried')]),
  );
  return table(['used up', ...drivers.map(([driver]) => `\`${driver}\``)], rows);
}

function attemptTable(drivers: readonly Named[]): string {
  const names = [...new Set(drivers.flatMap(([, { attempts }]) => Object.keys(attempts)))];
  const rows = names.map((name) =>
    row([
      name,
      ...drivers.flatMap(([, { attempts }]) =>
        [attempts[name]?.root, attempts[name]?.['tl-user']].map(outcome),
      ),
    ]),
  );
  const heads = drivers.flatMap(([driver]) => [`\`${driver}\`, root`, `\`${driver}\`, user`]);
  return table(['tried to have', ...heads], rows);
}

const outcome = (text = 'not tried'): string =>
  text === 'own' ? '**its own**' : text.replace(/^refused: /, '');

const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
const table = (heads: readonly string[], rows: readonly string[]): string =>
  [row(heads), row(heads.map(() => '---')), ...rows].join('\n');
