import { expect, test } from 'vitest';
import { exitCodeOf } from './failure.ts';
import { createProgram, forEachCommand, pathOf } from './program.ts';

const program = createProgram({ name: 'atoll', run: async () => {}, writeOut: () => {}, writeErr: () => {} });

const bl = createProgram({ name: 'bl', run: async () => {}, writeOut: () => {}, writeErr: () => {} });

test.each([
  ['atoll', program],
  ['bl', bl],
])('the help of every command of %s is as it was reviewed', (_name, made) => {
  const help: string[] = [];
  forEachCommand(made, (command) => help.push(`### ${pathOf(command)}\n${command.helpInformation()}`));
  expect(help.join('\n')).toMatchSnapshot();
});

test.each([
  ['sbx', 'Usage: atoll sbx'],
  ['sbx create -c many', 'must be a number'],
  ['sbx create -m 1.5', 'must be a whole number'],
  ['sbx create -x 70000', 'must be a whole number, 1 to 65535'],
  ['sbx create --nope', "unknown option '--nope'"],
  ['sbx exec my-env', "missing required argument 'command'"],
  ['sbx exec my-env -e A true', 'must be KEY=VALUE'],
  ['key create x --role king', 'must be one of viewer, member, admin'],
  ['doctor --listen nowhere', 'must be HOST:PORT'],
])('`%s` is a usage error', async (line, said) => {
  let stderr = '';
  const writeErr = (text: string) => void (stderr += text);
  const made = createProgram({ name: 'atoll', run: async () => {}, writeOut: () => {}, writeErr });
  const error = await made.parseAsync(line.split(' '), { from: 'user' }).catch((thrown: unknown) => thrown);
  expect([exitCodeOf(error), stderr]).toEqual([2, expect.stringContaining(said)]);
});

test('every command says in one line what it does', () => {
  for (const made of [program, bl])
    forEachCommand(made, (command) => expect(command.description(), pathOf(command)).toMatch(/^\S.{5,120}$/));
});
