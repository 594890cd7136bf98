import type { CreatePtyOptions, Pty, Sandbox } from 'tensorlake';
import { expect, test, vi } from 'vitest';

const WAIT = { timeout: 15_000, interval: 25 };

/** What a terminal has shown so far. */
class Screen {
  text = '';
  readonly onData = (data: Uint8Array): void => {
    this.text += Buffer.from(data).toString();
  };
  async shows(expected: string | RegExp): Promise<void> {
    await vi.waitFor(() => expect(this.text).toMatch(expected), WAIT);
  }
}

/** The client rejects `wait` of a session that is killed, whether or not somebody waits. */
const end = async (pty: Pty): Promise<void> => {
  pty.wait().catch(() => {});
  await pty.kill();
};

export function testPty(sandbox: () => Sandbox): void {
  const open = async (script: string, options: Partial<CreatePtyOptions> = {}) => {
    const screen = new Screen();
    const pty = await sandbox().createPty({
      command: 'bash',
      args: ['-c', script],
      onData: screen.onData,
      ...options,
    });
    return { pty, screen };
  };

  test('an interactive shell takes input and its exit code comes back', async () => {
    const screen = new Screen();
    const onExit = vi.fn();
    const pty = await sandbox().createPty({
      command: 'bash',
      args: ['--norc'],
      env: { PS1: 'ready> ' },
      rows: 40,
      cols: 120,
      onData: screen.onData,
      onExit,
    });
    await screen.shows('ready> ');
    await pty.sendInput('stty size; tty; echo $((6*7))\n');
    await screen.shows(/40 120\r\n\/dev\/pts\/\d+\r\n42/);
    await pty.sendInput('exit 7\n');
    expect(await pty.wait()).toBe(7);
    expect(onExit).toHaveBeenCalledWith(7);
  });

  test('the terminal is of the user and in the folder of all processes, and can be opened by name', async () => {
    const { pty, screen } = await open('id -un; pwd; echo "$TERM $A"; echo by name > $(tty)', {
      env: { A: '1' },
    });
    expect(await pty.wait()).toBe(0);
    expect(screen.text).toBe('tl-user\r\n/workspace\r\nxterm-256color 1\r\nby name\r\n');
  });

  test('a session that was made alone is attached to by its token', async () => {
    const made = await sandbox().createPtySession({ command: 'bash', args: ['-c', 'read line; exit 3'] });
    const url = new URL(sandbox().ptyWsUrl(made.sessionId, made.token));
    expect([url.protocol, url.pathname]).toEqual(['ws:', `/api/v1/pty/${made.sessionId}/ws`]);
    const pty = await sandbox().connectPty(made.sessionId, made.token);
    const screen = new Screen();
    pty.onData(screen.onData);
    const exits: number[] = [];
    pty.onExit((code) => exits.push(code));
    await pty.sendInput('typed\n');
    expect(await pty.wait()).toBe(3);
    expect(screen.text).toContain('typed');
    expect(exits).toEqual([3]);
  });

  test('a resize reaches the program', async () => {
    const { pty, screen } = await open("trap 'stty size; exit' WINCH; echo up; while :; do sleep 0.05; done");
    await screen.shows('up');
    await pty.resize(100, 50);
    await screen.shows('50 100');
    expect(await pty.wait()).toBe(0);
  });

  test('Ctrl-C interrupts what runs in the foreground', async () => {
    const { pty, screen } = await open('echo up; sleep 60');
    await screen.shows('up');
    await pty.sendInput('\x03');
    expect(await pty.wait()).toBe(130);
  });

  test('a terminal that was left is found again with what it showed', async () => {
    const { pty, screen } = await open('echo before; read line; echo got $line; exit 3');
    await screen.shows('before');
    pty.disconnect();
    const again = new Screen();
    const back = await sandbox().connectPty(pty.sessionId, pty.token, { onData: again.onData });
    await again.shows('before');
    await back.sendInput('hello\n');
    expect(await back.wait()).toBe(3);
    await again.shows('got hello');
  });

  test('two clients see the same and both may type', async () => {
    const { pty, screen } = await open('for i in 1 2; do read line; echo got $line; done');
    const other = new Screen();
    const second: Pty = await sandbox().connectPty(pty.sessionId, pty.token, { onData: other.onData });
    await pty.sendInput('one\n');
    await other.shows('got one');
    await second.sendInput('two\n');
    await screen.shows('got two');
    expect(await Promise.all([pty.wait(), second.wait()])).toEqual([0, 0]);
  });

  test('kill ends the process', async () => {
    const { pty, screen } = await open('echo $$; exec sleep 300');
    await screen.shows(/\d+/);
    const killed = expect(pty.wait()).rejects.toThrow(/terminated/);
    await pty.kill();
    await killed;
    const pid = screen.text.trim();
    const alive = () =>
      sandbox().run('bash', { args: ['-c', `kill -0 ${pid} 2>/dev/null; echo $?`], user: 'root' });
    await vi.waitFor(async () => expect((await alive()).stdout).toBe('1'), WAIT);
  });

  test('a wrong token and an unknown session are refused', async () => {
    const { pty } = await open('sleep 60');
    const { pty: other } = await open('sleep 60');
    await expect(sandbox().connectPty(pty.sessionId, other.token)).rejects.toThrow();
    await expect(sandbox().connectPty('nosuchsession00000000', pty.token)).rejects.toThrow();
    await Promise.all([pty, other].map(end));
  });

  test('five megabytes of output arrive complete', async () => {
    const { pty, screen } = await open('stty -opost; seq 1 700000');
    expect(await pty.wait()).toBe(0);
    expect(screen.text.split('\n').length).toBe(700_001);
    expect(screen.text.endsWith('699999\n700000\n')).toBe(true);
  });

  test('a command that does not exist is refused', async () => {
    await expect(sandbox().createPty({ command: 'no-such-command' })).rejects.toMatchObject({
      statusCode: 400,
    });
  });
}
