import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** The tables of the runtime reference that the SDK follows: its sections, and the names in their Python form. */
interface Section {
  section: string;
  /** Where the names are stated in the SDK. */
  in: string[];
  names: string[];
}

const sources = join(import.meta.dirname, '..', '..', 'sdk', 'src');
const sections = JSON.parse(
  readFileSync(join(import.meta.dirname, 'sdk-reference.json'), 'utf8'),
) as Section[]; // beside this file
const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /(?<!\.test)\.ts$/.test(file),
);
const texts = files.map((file) => readFileSync(join(sources, file), 'utf8'));
const index = readFileSync(join(sources, 'index.ts'), 'utf8');

const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The lines of a class or interface. */
function declarationOf(name: string): string[] {
  const declared = new RegExp(`^(?:export )?(?:class|interface) ${name}\\b[^{]*\\{\\n([^]*?)^\\}`, 'm');
  const found = texts.flatMap((text) => declared.exec(text)?.[1] ?? []);
  expect(found, `declarations of ${name}`).toHaveLength(1);
  return found.join('').split('\n');
}

/** The line before a member, which is the end of what is said of it. */
function lineBefore(lines: readonly string[], member: string): string | undefined {
  const stated = new RegExp(`^  (?:(?:readonly|static|async|get) |\\*)*${member}\\??[(:<]`);
  const at = lines.findIndex((line) => stated.test(line));
  return at < 0 ? undefined : (lines[at - 1] ?? '');
}

describe.each(sections)('$section', ({ in: declarations, names }) => {
  test.each(names.map(camelCase))('the SDK has %s and says what it is', (name) => {
    const before = declarations.flatMap((each) => lineBefore(declarationOf(each), name) ?? []);
    expect(before, `${name} in ${declarations.join(' or ')}`).toHaveLength(1);
    expect(before[0], 'the comment before it').toMatch(/\*\/$/);
  });

  test('what states them is exported', () => {
    expect(index).toMatch(new RegExp(`\\b${declarations[0]}\\b`));
  });
});
