import { expect, test } from 'vitest';
import type { SandboxInstance } from './client.ts';

/** `sandbox.process` of the published client. */
export function testProcesses(sandbox: () => SandboxInstance): void {
  const exec = (request: Record<string, unknown>) => sandbox().process.exec(request);
  const run = (command: string, more: object = {}) => exec({ command, waitForCompletion: true, ...more });

  test('exec waits for the end and has both outputs, as they were written', async () => {
    const result = await run('echo out; echo err >&2; printf "no newline"; exit 3', {
      name: 'three',
      workingDir: '/tmp',
    });
    expect(result).toMatchObject({
      name: 'three',
      status: 'failed',
      exitCode: 3,
      workingDir: '/tmp',
      stdout: 'out\nno newline',
      stderr: 'err\n',
      logs: 'out\nno newlineerr\n',
    });
    expect(Date.parse(result.completedAt ?? '')).not.toBeNaN();
    expect(await sandbox().process.logs('three', 'stderr')).toBe('err\n');
    expect((await sandbox().process.get(result.pid)).name).toBe('three');
  });

  test('variables reach the process: its own, and those of the sandbox', async () => {
    const { stdout } = await run('echo $X $GREETING', { env: { X: '1' } });
    expect(stdout).toBe('1 hello\n');
  });

  test('exec with a callback streams, and ends with the process', async () => {
    const lines: string[] = [];
    const result = await run('for i in 1 2 3; do echo line $i; done', {
      onLog: (line: string) => lines.push(line),
    });
    expect(lines).toEqual(['line 1', 'line 2', 'line 3']);
    expect(result).toMatchObject({ status: 'completed', exitCode: 0, stdout: 'line 1\nline 2\nline 3\n' });
  });

  test('a process that goes on is listed, streamed, and stopped', async () => {
    const started = await exec({ command: 'echo begun; exec sleep 300', name: 'sleeper' });
    expect(started).toMatchObject({ status: 'running', completedAt: '' });
    const first = await new Promise<string>((resolve) => {
      const stream = sandbox().process.streamLogs('sleeper', {
        onLog: (line) => {
          resolve(line);
          stream.close();
        },
      });
    });
    expect(first).toBe('begun');
    const twin = exec({ command: 'true', name: 'sleeper' });
    await expect(twin).rejects.toThrow("process with name 'sleeper' already exists and is running");
    expect((await sandbox().process.list()).map(({ name }) => name)).toContain('sleeper');
    await sandbox().process.stop('sleeper');
    expect(await sandbox().process.wait('sleeper', { interval: 100 })).toMatchObject({ status: 'stopped' });
    expect(await run('echo again', { name: 'sleeper' })).toMatchObject({
      status: 'completed',
      stdout: 'again\n',
    });
  });

  test('kill ends what does not listen to a request', async () => {
    await exec({ command: 'trap "" TERM; echo deaf; while true; do sleep 1; done', name: 'deaf' });
    await sandbox().process.kill('deaf');
    expect(await sandbox().process.wait('deaf', { interval: 100 })).toMatchObject({ status: 'killed' });
  });

  test('a wait that takes too long fails, and the process goes on', async () => {
    const slow = run('sleep 300', { name: 'slow', timeout: 1 });
    await expect(slow).rejects.toThrow('process timed out after 1 seconds');
    expect((await sandbox().process.get('slow')).status).toBe('running');
    await sandbox().process.kill('slow');
  });

  test('a process that fails is started again as often as was asked for, under one pid', async () => {
    const result = await run('echo try; exit 7', { name: 'phoenix', restartOnFailure: true, maxRestarts: 1 });
    expect(result).toMatchObject({ status: 'failed', exitCode: 7, restartCount: 1 });
    expect(result.logs).toBe('try\n[Process failed with exit code 7. Attempting restart 1/1...]\ntry\n');
    expect((await sandbox().process.get(result.pid)).name).toBe('phoenix');
  });

  test('standard input is written to and closed', async () => {
    await exec({ command: 'cat', name: 'reader', stdin: true });
    await sandbox().process.writeStdin('reader', 'ping\n');
    await sandbox().process.closeStdin('reader');
    expect(await sandbox().process.wait('reader', { interval: 100 })).toMatchObject({
      status: 'completed',
      stdout: 'ping\n',
    });
    const none = exec({ command: 'true', name: 'none', waitForCompletion: true });
    await none;
    await expect(sandbox().process.writeStdin('none', 'x')).rejects.toThrow('stdin');
  });

  test('waitForPorts answers when a server listens, and the gateway reaches its port', async () => {
    const command = `exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "0.0.0.0", LocalPort => 3000, Listen => 5, ReuseAddr => 1) or die; while ($c = $s->accept) { $l = <$c>; while (<$c> =~ /\\S/) {} print $c "HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nConnection: close\\r\\n\\r\\nhello"; close $c }'`;
    const server = await exec({ command, name: 'server', waitForPorts: [3000], timeout: 60 });
    expect(server.status).toBe('running');
    const answer = await sandbox().fetch(3000, '/api');
    expect(await answer.text()).toBe('hello');
    await sandbox().process.kill('server');
  });

  test('the shell of an image, into which nobody types, is not started', async () => {
    await expect(sandbox().process.logs('entrypoint')).rejects.toThrow('process not found');
  });

  test('missing processes and folders are refused in words', async () => {
    await expect(sandbox().process.get('nobody')).rejects.toThrow('process not found');
    await expect(run('true', { workingDir: '/nowhere' })).rejects.toThrow('/nowhere');
    await expect(exec({ command: '' })).rejects.toThrow('command is required');
  });
}
