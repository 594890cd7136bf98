import { RemoteAPIError } from 'tensorlake';
import type { ProcessUser, Sandbox } from 'tensorlake';
import { expect, test } from 'vitest';

export function testRun(sandbox: () => Sandbox): void {
  const shell = (script: string, options: Parameters<Sandbox['run']>[1] = {}) =>
    sandbox().run('bash', { ...options, args: ['-c', script] });

  test('output and exit code come back apart', async () => {
    const { stdout, stderr, exitCode } = await shell('echo out; echo err >&2; exit 7');
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'out', stderr: 'err', exitCode: 7 });
  });

  test('processes are tl-user in /workspace, on a host called tl-sbx', async () => {
    const { stdout } = await shell('id -un; pwd; hostname; echo $HOME; sudo id -u');
    expect(stdout.split('\n')).toEqual(['tl-user', '/workspace', 'tl-sbx', '/home/tl-user', '0']);
  });

  test('env is added to the environment of the image', async () => {
    const { stdout } = await shell('echo "$A|$EMPTY|${PATH:+has a path}"', {
      env: { A: 'ä b=$c', EMPTY: '' },
    });
    expect(stdout).toBe('ä b=$c||has a path');
  });

  test('the working directory is the one asked for', async () => {
    expect((await sandbox().run('pwd', { workingDir: '/usr/lib' })).stdout).toBe('/usr/lib');
  });

  test.each<[ProcessUser, string]>([
    ['root', '0:0'],
    ['tl-user', '1000:1000'],
    ['0', '0:0'],
    ['1234:5678', '1234:5678'],
    [{ uid: 1000 }, '1000:1000'],
    [{ uid: 2000, gid: 3000 }, '2000:3000'],
  ])('user %j runs as %s', async (user, ids) => {
    expect((await shell('echo $(id -u):$(id -g)', { user })).stdout).toBe(ids);
  });

  test('an unknown user is refused', async () => {
    await expect(shell('true', { user: 'nobody-here' })).rejects.toBeInstanceOf(RemoteAPIError);
  });

  test('a command that takes too long is killed with all its children', async () => {
    const begun = Date.now();
    const { exitCode, stdout } = await shell('echo before; sleep 61 & sleep 61', { timeout: 1 });
    expect({ exitCode, stdout }).toEqual({ exitCode: -9, stdout: 'before' });
    expect(Date.now() - begun).toBeLessThan(15_000);
    expect((await sandbox().run('pgrep', { args: ['-fc', '^sleep 61'] })).stdout).toBe('0');
  });

  test('a death by signal is the negative signal', async () => {
    expect((await shell('kill -TERM $$')).exitCode).toBe(-15);
  });

  test('lines are kept as they are: blank, unicode, long, and a last one without its newline', async () => {
    const { stdout } = await shell(
      String.raw`printf 'a\n\n\nžluťoučký 🐎\n'; head -c 100000 /dev/zero | tr '\0' x; printf '\nend'`,
    );
    expect(stdout).toBe(`a\n\n\nžluťoučký 🐎\n${'x'.repeat(100_000)}\nend`);
  });

  test('bytes that are no UTF-8 do not break the stream', async () => {
    const { stdout, exitCode } = await shell(String.raw`printf '\xff\xfe\nafter\n'`);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').at(-1)).toBe('after');
  });

  test('ten megabytes of output arrive complete and in order', async () => {
    const { stdout } = await shell(
      "printf -v pad '%01000d' 0; for i in $(seq 1 10000); do echo $i-$pad; done",
    );
    const numbers = stdout.split('\n').map((line) => Number.parseInt(line, 10));
    expect(numbers).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1));
  });

  test('a missing command and a missing directory are told apart', async () => {
    const missing = sandbox().run('no-such-command');
    await expect(missing).rejects.toMatchObject({
      statusCode: 400,
      responseMessage: expect.stringContaining('No such file or directory'),
    });
    await expect(sandbox().run('true', { workingDir: '/no/such/dir' })).rejects.toMatchObject({
      statusCode: 400,
      responseMessage: expect.stringContaining('/no/such/dir'),
    });
  });

  test('twenty commands at once do not mix their output', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => shell(`for i in 1 2 3; do echo ${index}; done`)),
    );
    expect(results.map(({ stdout }) => stdout)).toEqual(
      Array.from({ length: 20 }, (_, index) => `${index}\n${index}\n${index}`),
    );
  });
}
