import { Sandbox } from '@atoll/sdk';
import { expect, test } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';

/** The images take minutes to build where the cache lacks them. */
const isLong = process.env['ATOLL_TEST_LONG'] !== undefined;
const BUILD_TIMEOUT_MS = 20 * 60_000;

const service = `[Unit]
Description=A service of the test
[Service]
ExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 8000
[Install]
WantedBy=multi-user.target
`;

/** An image of a program and the libraries that it wants, as \`docker import\` takes it. */
const importTiny = `set -e
mkdir -p /tmp/tiny/bin && cd /tmp/tiny
for file in /bin/bash /bin/cat $(ldd /bin/bash /bin/cat | grep -o '/lib[^ ]*' | sort -u); do
  mkdir -p ".$(dirname "$file")" && cp "$file" ".$file"
done
tar -c . | docker import - tiny`;

describeOnEachDriver('an image with services', (server, driver) => {
  const create = (image: string): Promise<Sandbox> =>
    Sandbox.create({
      apiUrl: server().url,
      apiKey: server().apiKey,
      image,
      name: image,
      memoryMb: 2048,
      requestTimeout: BUILD_TIMEOUT_MS / 1000,
    });
  const shell = async (sandbox: Sandbox, script: string, user = 'root'): Promise<string> => {
    const { exitCode, stdout, stderr } = await sandbox.run('sh', { args: ['-c', script], user });
    expect(exitCode, `${script}: ${stderr}`).toBe(0);
    return stdout.trim();
  };

  test.runIf(isLong && driver === 'gvisor')(
    'boots systemd, whose services outlive a suspend',
    async () => {
      const sandbox = await create('ubuntu-systemd');
      expect(await shell(sandbox, 'cat /proc/1/comm')).toBe('systemd');
      expect(await shell(sandbox, 'systemctl is-system-running --wait')).toBe('running');
      await sandbox.writeFile('/tmp/test.service', service);
      await shell(sandbox, 'mv /tmp/test.service /etc/systemd/system/ && systemctl enable --now test');
      const pid = await shell(sandbox, 'systemctl show --property MainPID --value test');
      expect(Number(pid)).toBeGreaterThan(1);
      await sandbox.suspend();
      await sandbox.resume();
      expect(await shell(sandbox, 'systemctl show --property MainPID --value test')).toBe(pid);
      const fetched =
        'curl --silent --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null -w "%{http_code}"';
      expect(await shell(sandbox, `${fetched} http://127.0.0.1:8000/`)).toBe('200');
      expect(await shell(sandbox, 'sudo systemctl is-active test', 'tl-user')).toBe('active');
      expect(await shell(sandbox, 'systemd-run --quiet --wait --pipe echo from a unit')).toBe('from a unit');
      await sandbox.run('systemctl', { args: ['poweroff'], user: 'root' }).catch(() => {});
      await expect.poll(() => sandbox.status(), { timeout: 60_000 }).toBe('terminated');
    },
    BUILD_TIMEOUT_MS,
  );

  test.runIf(isLong && driver === 'gvisor')(
    'runs containers',
    async () => {
      const sandbox = await create('docker');
      await shell(sandbox, importTiny, 'tl-user');
      const run = 'docker run --rm --network host tiny /bin/bash -c';
      expect(await shell(sandbox, `${run} 'echo from a container; echo $$'`, 'tl-user')).toBe(
        'from a container\n1',
      );
      expect(await shell(sandbox, "docker run --rm tiny /bin/bash -c 'echo on the bridge'")).toBe(
        'on the bridge',
      );
      const endless =
        "docker run --detach --name kept --network host tiny /bin/bash -c 'coproc { read; }; wait'";
      await shell(sandbox, endless);
      expect(await shell(sandbox, "docker exec kept /bin/bash -c 'echo inside'")).toBe('inside');
      await sandbox.suspend();
      expect(await shell(sandbox, 'docker inspect --format {{.State.Running}} kept')).toBe('true');
      await sandbox.terminate();
    },
    BUILD_TIMEOUT_MS,
  );

  test.runIf(driver === 'native')(
    'is refused where the host’s kernel would have to give what it needs',
    async () => {
      await expect(create('ubuntu-systemd')).rejects.toThrow(/runtime native cannot/);
    },
  );
});
