import { ProcessStatus, RemoteAPIError, StdinMode } from 'tensorlake';
import type { ProcessInfo, Sandbox } from 'tensorlake';
import { expect, test, vi } from 'vitest';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

export function testProcesses(sandbox: () => Sandbox): void {
  const hasEnded = (pid: number): Promise<ProcessInfo> =>
    vi.waitFor(
      async () => {
        const info = await sandbox().getProcess(pid);
        expect(info.status).not.toBe(ProcessStatus.RUNNING);
        return info;
      },
      { timeout: 10_000, interval: 50 },
    );

  test('a started process is listed while it runs and after it has ended', async () => {
    const started = await sandbox().startProcess('sleep', { args: ['0.2'] });
    const running = await sandbox().listProcesses();
    const ended = await hasEnded(started.pid);
    const after = await sandbox().listProcesses();
    expect(started).toMatchObject({
      status: 'running',
      command: 'sleep',
      args: ['0.2'],
      stdinWritable: false,
    });
    expect(running.map(({ pid }) => pid)).toContain(started.pid);
    expect(after.map(({ pid }) => pid)).toContain(started.pid);
    expect(ended).toMatchObject({ status: 'exited', exitCode: 0 });
    expect(ended.endedAt?.getTime()).toBeGreaterThanOrEqual(ended.startedAt.getTime());
  });

  test('kill ends a process with SIGKILL', async () => {
    const { pid } = await sandbox().startProcess('bash', {
      args: ['-c', 'trap "" TERM; sleep 60 & wait; sleep 60'],
    });
    await sandbox().killProcess(pid);
    expect(await hasEnded(pid)).toMatchObject({ status: 'signaled', signal: 9 });
  });

  test('restart ends a managed process and starts it again under its name', async () => {
    const first = await sandbox().startProcess('sleep', { args: ['60'], name: 'service' });
    await sandbox().restartProcess('service');
    const again = await vi.waitFor(
      async () => {
        const info = await sandbox().getProcess('service');
        expect(info.pid).not.toBe(first.pid);
        return info;
      },
      { timeout: 15_000 },
    );
    expect(again.status).toBe(ProcessStatus.RUNNING);
    await sandbox().killProcess('service');
  });

  test('a signal reaches the process', async () => {
    const { pid } = await sandbox().startProcess('bash', {
      args: ['-c', 'trap "echo caught; exit 5" USR1; echo ready; while :; do sleep 0.05; done'],
    });
    await vi.waitFor(async () => expect((await sandbox().getStdout(pid)).lines).toEqual(['ready']));
    expect((await sandbox().sendSignal(pid, 10)).success).toBe(true);
    expect(await hasEnded(pid)).toMatchObject({ status: 'exited', exitCode: 5 });
    expect((await sandbox().getStdout(pid)).lines).toEqual(['ready', 'caught']);
  });

  test('what is written to stdin arrives, and closing it ends the input', async () => {
    const { pid, stdinWritable } = await sandbox().startProcess('cat', { stdinMode: StdinMode.PIPE });
    await sandbox().writeStdin(pid, encode('one\ntw'));
    await sandbox().writeStdin(pid, encode('o\n'));
    await sandbox().closeStdin(pid);
    expect(await hasEnded(pid)).toMatchObject({ exitCode: 0, stdinWritable: false });
    expect((await sandbox().getStdout(pid)).lines).toEqual(['one', 'two']);
    expect(stdinWritable).toBe(true);
  });

  test('stdin is closed unless it is asked for', async () => {
    const { pid } = await sandbox().startProcess('cat');
    await expect(sandbox().writeStdin(pid, encode('x'))).rejects.toMatchObject({ statusCode: 400 });
    expect(await hasEnded(pid)).toMatchObject({ exitCode: 0 });
  });

  test('unknown processes are 404, bad signals are 400', async () => {
    const { pid } = await sandbox().startProcess('sleep', { args: ['60'] });
    await expect(sandbox().getProcess(999_999)).rejects.toMatchObject({ statusCode: 404 });
    await expect(sandbox().getProcess('no-such-name')).rejects.toMatchObject({ statusCode: 404 });
    await expect(sandbox().killProcess(999_999)).rejects.toMatchObject({ statusCode: 404 });
    await expect(sandbox().sendSignal(pid, 999)).rejects.toMatchObject({ statusCode: 400 });
    await sandbox().killProcess(pid);
  });

  test('a command that does not exist is refused', async () => {
    await expect(sandbox().startProcess('no-such-command')).rejects.toBeInstanceOf(RemoteAPIError);
  });

  test('a process keeps running when its client has gone, as its user and with its environment', async () => {
    const { pid } = await sandbox().startProcess('bash', {
      args: ['-c', 'sleep 0.3; echo $(id -u) $A $PWD'],
      user: { uid: 1000, gid: 1000 },
      env: { A: '1' },
      workingDir: '/tmp',
    });
    await hasEnded(pid);
    expect((await sandbox().getStdout(pid)).lines).toEqual(['1000 1 /tmp']);
  });

  test('orphans are reaped: no zombies remain', async () => {
    await sandbox().run('bash', { args: ['-c', 'for i in $(seq 20); do (sleep 0.05 &) ; done'] });
    const zombies = async () =>
      (await sandbox().run('bash', { args: ['-c', 'ps -eo stat= | grep -c ^Z'] })).stdout;
    await vi.waitFor(async () => expect(await zombies()).toBe('0'), { timeout: 10_000 });
  });
}
