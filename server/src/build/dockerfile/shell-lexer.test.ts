import fc from 'fast-check';
import { expect, test } from 'vitest';
import { expandShell, ShellSyntaxError } from './shell-lexer.ts';

const variables: Readonly<Record<string, string>> = {
  x: 'value',
  empty: '',
  path: '/usr/local/lib/a.tar.gz',
  spaces: 'one  two',
  star: 'a*b*c',
  _u1: 'under',
  ü: 'umlaut',
};

const lookup = (name: string): string | undefined => variables[name];
const expand = (text: string): string => expandShell(text, lookup, { escape: '\\' }).text;

test.each([
  ['', ''],
  ['plain', 'plain'],
  ['$x', 'value'],
  ['${x}', 'value'],
  ['a${x}b', 'avalueb'],
  ['$xb', ''],
  ['$x-b', 'value-b'],
  ['$_u1.$ü', 'under.umlaut'],
  ['$unset|${unset}', '|'],
  ['$', '$'],
  ['a$', 'a$'],
  ['$.', '$.'],
  ['$ x', '$ x'],
  ['$12x', 'x'],
  ['$$x', 'x'],
  ['\\$x', '$x'],
  ['\\\\$x', '\\value'],
  ['a\\', 'a'],
  ['\\a', 'a'],
  ["'$x'", '$x'],
  ["'a\\'", 'a\\'],
  ['"$x"', 'value'],
  ['"\\$x"', '$x'],
  ['"\\a"', '\\a'],
  ['"\\""', '"'],
  ['"\'"', "'"],
  ["'\"'", '"'],
  ['a"b"\'c\'', 'abc'],
  ['${x:-d}', 'value'],
  ['${empty:-d}', 'd'],
  ['${unset:-d}', 'd'],
  ['${x-d}', 'value'],
  ['${empty-d}', ''],
  ['${unset-d}', 'd'],
  ['${x:+d}', 'd'],
  ['${empty:+d}', ''],
  ['${unset:+d}', ''],
  ['${x+d}', 'd'],
  ['${empty+d}', 'd'],
  ['${unset+d}', ''],
  ['${x:?m}', 'value'],
  ['${x?m}', 'value'],
  ['${empty?m}', ''],
  ['${unset:-$x}', 'value'],
  ['${unset:-${empty:-${x}}}', 'value'],
  ['${unset:-"a b"}', 'a b'],
  ['${unset:-\\}}', '}'],
  ["${unset:-'}'}", '}'],
  ['${path#/*/}', 'local/lib/a.tar.gz'],
  ['${path##*/}', 'a.tar.gz'],
  ['${path%.*}', '/usr/local/lib/a.tar'],
  ['${path%%.*}', '/usr/local/lib/a'],
  ['${path%/*}', '/usr/local/lib'],
  ['${path#nothing}', '/usr/local/lib/a.tar.gz'],
  ['${path#?usr}', '/local/lib/a.tar.gz'],
  ['${path#.usr}', '/usr/local/lib/a.tar.gz'],
  ['${star#a\\*}', 'b*c'],
  ['${star%%\\**}', 'a'],
  ['${unset#x}', ''],
  ['${path/l/L}', '/usr/Local/lib/a.tar.gz'],
  ['${path//l/L}', '/usr/LocaL/Lib/a.tar.gz'],
  ['${path//\\//-}', '-usr-local-lib-a.tar.gz'],
  ['${path/lib*/x}', '/usr/local/x'],
  ['${path//[a]/x}', '/usr/local/lib/a.tar.gz'],
  ['${path/l/}', '/usr/ocal/lib/a.tar.gz'],
  ['${x/v/$empty}', 'alue'],
  ['${x/value/$1&}', '&'],
  ['${x#$x}', ''],
])('%j expands to %j', (text, expected) => {
  expect(expand(text)).toBe(expected);
});

test.each([
  ["'", 0, 'the single quote is not closed'],
  ['a"b', 1, 'the double quote is not closed'],
  ['a${x', 1, 'syntax error: missing }'],
  ['${', 0, 'syntax error: missing }'],
  ['${}', 0, 'syntax error: bad substitution'],
  ['${{x}}', 0, 'syntax error: bad substitution'],
  ['${:x}', 0, 'syntax error: bad substitution'],
  ['${.}', 0, 'syntax error: bad substitution'],
  ['${x:', 0, 'unsupported modifier (:) in substitution'],
  ['${x:=d}', 0, 'unsupported modifier (:=) in substitution'],
  ['${x:#d}', 0, 'unsupported modifier (:#) in substitution'],
  ['${x^^}', 0, 'unsupported modifier (^) in substitution'],
  ['${x:-d', 0, 'syntax error: missing }'],
  ['${x/a}', 0, 'syntax error: missing /'],
  ['${x/a/b', 0, 'syntax error: missing }'],
  ['ab${unset?}', 2, 'unset: is not allowed to be unset'],
  ['${unset:?}', 0, 'unset: is not allowed to be unset'],
  ['${empty:?}', 0, 'empty: is not allowed to be empty'],
  ['${empty:?say $x}', 0, 'empty: say value'],
])('%j fails at %i: %s', (text, offset, message) => {
  expect(() => expand(text)).toThrow(expect.objectContaining({ offset, message }) as Error);
});

test.each([
  ['a  b', ['a', 'b']],
  ['"a b" c', ['a b', 'c']],
  ['a\\ b', ['a b']],
  ['$spaces', ['one', 'two']],
  ['"$spaces"', ['one  two']],
  ['$empty', []],
  ['x$spaces', ['xone', 'two']],
])('%j has the words %j', (text, words) => {
  expect(expandShell(text, lookup, { escape: '\\' }).words).toEqual(words);
});

test('variables without a value are named once', () => {
  expect(expandShell('$a${b}$a${c:-d}${d%e}', lookup, { escape: '\\' }).unset).toEqual(['a', 'b', 'd']);
});

test('a backtick escapes when it is the escape character', () => {
  expect(expandShell('`$x \\$x', lookup, { escape: '`' }).text).toBe('$x \\value');
});

test('unset variables can be kept as they are written', () => {
  const options = { escape: '\\', keepsUnset: true };
  expect(expandShell('$a ${b} ${c:-d} $x', lookup, options).text).toBe('$a ${b} ${c:-d} value');
});

test('a value does not grow beyond its bound', () => {
  expect(() => expandShell('$x'.repeat(100), lookup, { escape: '\\', maxChars: 400 })).toThrow('too long');
});

test('nesting has a bound', () => {
  const text = `${'${a:-'.repeat(5000)}${'}'.repeat(5000)}`;
  expect(() => expand(text)).toThrow('nested too deep');
});

test('a hostile pattern ends in time', () => {
  const value = 'a'.repeat(10_000);
  const run = (): unknown => expandShell('${x//a*a*a*b/c}', () => value, { escape: '\\' });
  expect(run).toThrow('takes too long');
});

test('nothing but a syntax error comes out of any text', () => {
  const text = fc.string({ unit: fc.constantFrom(...'${}:-+?#%/\\"\'ax 1*') });
  fc.assert(
    fc.property(text, (input) => {
      try {
        expand(input);
      } catch (error) {
        expect(error).toBeInstanceOf(ShellSyntaxError);
      }
    }),
    { numRuns: 500 },
  );
});
