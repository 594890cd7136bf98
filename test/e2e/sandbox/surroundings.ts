import { expect, test } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../../fixtures/api.ts';
import type { TestServer } from '../../fixtures/server.ts';

/** What a sandbox is told about its image, its network and itself. */
export function testSurroundings(server: () => TestServer): void {
  const inSandbox = async <T>(
    body: object,
    work: (box: ReturnType<typeof sandboxCalls>) => Promise<T>,
  ): Promise<T> => {
    const id = await createSandbox(server(), { resources: { memory_mb: 128 }, ...body });
    try {
      return await work(sandboxCalls(server(), id));
    } finally {
      await call(server(), `/sandboxes/${id}`, { method: 'DELETE' });
    }
  };

  test('the entrypoint runs as given, as the user and in the environment of the image', async () => {
    const entrypoint = [
      'bash',
      '-c',
      'echo "$0|$1|$(id -un)|$PWD|$HOME|${PATH:+path}" > /tmp/entry; sleep 300',
      'a b',
      '$c',
    ];
    const output = await inSandbox({ entrypoint }, async (box) => {
      const { output } = await box.run(
        'until [ -s /tmp/entry ]; do sleep 0.05; done; cat /tmp/entry; pgrep -c -x sleep',
      );
      return output;
    });
    expect(output).toBe('a b|$c|tl-user|/workspace|/home/tl-user|path\n1');
  });

  test('an entrypoint that ends or does not exist leaves the sandbox usable', async () => {
    for (const entrypoint of [['true'], ['no-such-command']]) {
      expect(await inSandbox({ entrypoint }, async (box) => (await box.run('echo here')).output)).toBe(
        'here',
      );
    }
  });

  test('without internet access nothing outside is reached, and the sandbox still answers', async () => {
    const script =
      'timeout 2 bash -c "exec 3<>/dev/tcp/1.1.1.1/80" && echo reached; timeout 3 getent hosts example.com; echo end';
    const { output } = await inSandbox({ network: { allow_internet_access: false } }, (box) =>
      box.run(script),
    );
    expect(output.split('\n').filter((line) => !line.startsWith('bash:') && line !== '')).toEqual(['end']);
  });

  test('the host and its metadata service are out of reach', async () => {
    const { port } = new URL(server().url);
    const reach = `for target in 169.254.169.254/80 $(ip route 2>/dev/null | awk '/default/{print $3}')/${port} 127.0.0.1/${port}; do
      timeout 2 bash -c "exec 3<>/dev/tcp/$target" 2>/dev/null && echo reached $target; done; echo end`;
    expect((await inSandbox({}, (box) => box.run(reach))).output).toBe('end');
  });

  test('headers of the client that are ours do not reach the sandbox', async () => {
    const answer = await inSandbox({}, (box) => box.run('env; cat /proc/1/environ | tr "\\0" "\\n"'));
    expect(answer.output).not.toContain(server().apiKey);
  });
}
