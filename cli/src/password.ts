import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import type { Context } from './context.ts';
import { UsageError } from './failure.ts';

/**
 * What must not stand on a command line, which a shell's history and the list of processes show: from a pipe, or typed
 * without an echo.
 */
export async function readPassword(context: Context, question: string): Promise<string> {
  const given = context.stdin.isTTY ? await ask(context, question) : await readAll(context.stdin);
  const password = given.replace(/\r?\n$/, '');
  if (password === '') throw new UsageError('no password was given on standard input');
  return password;
}

async function ask({ stdin, signal, output }: Context, question: string): Promise<string> {
  output.note(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: silent, terminal: true });
  try {
    return await lines.question('', { signal });
  } finally {
    lines.close();
  }
}
