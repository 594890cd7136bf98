import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasLauncher, holdLauncher } from './launcher.ts';
import { startProgram } from './program.ts';
import type { Program } from './program.ts';
import { run } from './run.ts';

const agentBinary = join(import.meta.dirname, '../../../.build/atoll-agent');

/** The name of the process that started the shell. */
const parentName = async (): Promise<string> => {
  const program = startProgram(['sh', '-c', 'cat /proc/$PPID/cmdline']);
  return (await text(program.stdout)).replaceAll('\0', ' ');
};

const pidOf = async ({ stdout }: Program): Promise<number> => {
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) return Number(String(chunk));
  throw new Error('it said nothing');
};

const isAlive = (pid: number): Promise<boolean> =>
  readFile(`/proc/${pid}/stat`, 'utf8').then(
    (stat) => !/\) Z /.test(stat),
    () => false,
  );

describe.each(['by the launcher', 'by a fork'])('a program that is started %s', (how) => {
  let release = async (): Promise<void> => {};
  beforeAll(async () => {
    if (how === 'by the launcher') release = await holdLauncher(agentBinary);
  });
  afterAll(() => release());

  test('has this process or its launcher as its parent', async () => {
    expect((await parentName()).includes('launch')).toBe(how === 'by the launcher');
  });

  test('gets its input and gives its output, however much', async () => {
    const program = startProgram(['cat'], { hasInput: true });
    const chunks = Array.from({ length: 64 }, (_, i) => Buffer.alloc(300_000, i));
    const feeding = pipeline(Readable.from(chunks), program.stdin);
    const parts: Buffer[] = [];
    for await (const part of program.stdout) parts.push(part as Buffer); // no encoding is set
    await feeding;
    expect(Buffer.concat(parts).equals(Buffer.concat(chunks))).toBe(true);
    expect(await program.ended).toEqual({ code: 0 });
  });

  test('has its environment, its folder and nothing to read', async () => {
    const program = startProgram(['sh', '-c', 'echo $A$HOME; pwd; cat; echo e >&2'], {
      env: { A: 'a', PATH: process.env['PATH'] },
      cwd: '/usr',
    });
    const said = await Promise.all([text(program.stdout), text(program.stderr)]);
    expect(said).toEqual(['a\n/usr\n', 'e\n']);
  });

  test('tells its exit code or its signal', async () => {
    expect(await startProgram(['sh', '-c', 'exit 3']).ended).toEqual({ code: 3 });
    expect(await startProgram(['sh', '-c', 'kill -TERM $$']).ended).toEqual({ signal: 'SIGTERM' });
  });

  test('that is not there is an error', async () => {
    await expect(startProgram(['/nowhere/program']).ended).rejects.toThrow('ENOENT');
  });

  test('that is not there is the same error to who has much to say to it', async () => {
    const input = 'x'.repeat(1_000_000);
    for (let i = 0; i < 5; i++) {
      await expect(run(['/nowhere/program'], { input, timeoutMs: 30_000 })).rejects.toThrow('ENOENT');
    }
  });

  test('has no variable without a value', async () => {
    const env = { PATH: process.env['PATH'], NAME: undefined };
    expect(await text(startProgram(['sh', '-c', 'echo ${NAME-none}'], { env }).stdout)).toBe('none\n');
  });

  test('is not waited for beyond its time where what it has started holds its output', async () => {
    const left = run(['sh', '-c', 'sleep 10 &'], { timeoutMs: 300 });
    await expect(left).rejects.toThrow('no end after 300 ms');
  });

  test.each([0, 1_000_000])('hears the end of input that is given up after %i bytes', async (sizeBytes) => {
    const program = startProgram(['sh', '-c', 'wc -c'], { hasInput: true });
    program.stdin.write(Buffer.alloc(sizeBytes));
    program.stdin.destroy();
    expect(Number(await text(program.stdout))).toBeLessThanOrEqual(sizeBytes);
    expect(await program.ended).toEqual({ code: 0 });
  });

  test('that does not read its input can be killed', async () => {
    const program = startProgram(['sleep', '60'], { hasInput: true });
    const feeding = pipeline(Readable.from([Buffer.alloc(10_000_000)]), program.stdin);
    const refused = expect(feeding).rejects.toThrow();
    program.kill();
    expect(await program.ended).toEqual({ signal: 'SIGKILL' });
    await refused;
  });

  test('is killed by the signal, and what it has started is not waited for', async () => {
    const signal = AbortSignal.timeout(50);
    const program = startProgram(['sh', '-c', 'sleep 60 & wait'], { signal });
    expect(await text(program.stdout).catch(() => 'cut')).toMatch(/^(cut)?$/);
    expect(await program.ended).toEqual({ signal: 'SIGKILL' });
  });

  test('ends when it is hung up on, unless it is detached', async () => {
    const [attached, detached] = [false, true].map((isDetached) =>
      startProgram(['sh', '-c', 'echo $$; exec sleep 60'], { isDetached }),
    ) as [Program, Program]; // two of two
    const [one, other] = [await pidOf(attached), await pidOf(detached)];
    attached.hangUp();
    detached.hangUp();
    await expect.poll(() => isAlive(one)).toBe(false);
    expect(await isAlive(other)).toBe(true);
    process.kill(other, 'SIGKILL');
  });
});

test('a launcher that dies is started again, and what it ran is lost with a word', async () => {
  const deaths: object[] = [];
  const release = await holdLauncher(agentBinary, (end) => deaths.push(end));
  try {
    const program = startProgram(['sleep', '60']);
    const shell = startProgram(['sh', '-c', 'echo $PPID']);
    process.kill(Number(await text(shell.stdout)), 'SIGKILL');
    await expect(program.ended).rejects.toThrow('launcher');
    await expect.poll(parentName).toContain('launch');
  } finally {
    await release();
  }
  expect(deaths).toEqual([{ code: null, signal: 'SIGKILL' }]);
});

test('a launcher that dies takes what it ran along, and what was said by then is no whole', async () => {
  const release = await holdLauncher(agentBinary);
  try {
    const shell = startProgram(['sh', '-c', 'echo $PPID']);
    const launcher = Number(await text(shell.stdout));
    const [attached, detached] = [false, true].map((isDetached) =>
      startProgram(['sh', '-c', 'echo $$; exec sleep 60'], { isDetached }),
    ) as [Program, Program]; // two of two
    const [one, other] = [await pidOf(attached), await pidOf(detached)];
    const forked = startProgram(['sh', '-c', 'sleep 60 & echo $!']);
    const heir = await pidOf(forked);
    expect(await forked.ended).toEqual({ code: 0 });
    const rest = text(forked.stdout);
    process.kill(launcher, 'SIGKILL');
    await expect(rest).rejects.toThrow('launcher');
    await expect.poll(() => isAlive(one)).toBe(false);
    expect(await isAlive(other)).toBe(true);
    for (const pid of [other, heir]) process.kill(pid, 'SIGKILL');
  } finally {
    await release();
  }
});

test('a launcher that is being started again when it is given up ends too', async () => {
  const release = await holdLauncher(agentBinary);
  const launcher = Number(await text(startProgram(['sh', '-c', 'echo $PPID']).stdout));
  process.kill(launcher, 'SIGKILL');
  while (hasLauncher()) await setImmediate();
  await release();
  const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8');
  const commands = children
    .split(' ')
    .filter((pid) => pid !== '')
    .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
  expect((await Promise.all(commands)).filter((line) => line.includes('atoll-launch-'))).toEqual([]);
});

test('the launcher ends with the last who held it', async () => {
  const releases = [await holdLauncher(agentBinary), await holdLauncher(agentBinary)];
  await releases.pop()?.();
  expect(await parentName()).toContain('launch');
  await releases.pop()?.();
  expect(await parentName()).not.toContain('launch');
});

test('a process with nothing else to do still hears that the launcher has ended', async () => {
  const script = `
    import { holdLauncher } from ${JSON.stringify(join(import.meta.dirname, 'launcher.ts'))};
    const release = await holdLauncher(${JSON.stringify(agentBinary)});
    await release();
    console.log('released');`;
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
  expect(stdout).toBe('released\n');
});
