import { Sandbox } from '@atoll/sdk';
import { expect, test } from 'vitest';
import { pushDerived } from '../fixtures/derived-image.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';

const label = (name: string): string => `dev.atoll.runtime.${name}`;

/** Stands in for systemd: starts the one unit that it finds, as its text says, and collects what is left to it. */
const initProgram = `#!/bin/sh
unit=/run/systemd/system/atoll-agent.service
test -L /run/systemd/system/multi-user.target.wants/atoll-agent.service || exit 3
command=$(sed -n 's/^ExecStart=//p' $unit)
output=$(sed -n 's/^StandardOutput=file://p' $unit)
echo "$container" >/run/container-variable
$command >"$output"
`;

const startupProgram = `#!/bin/sh
id -u >/started-as
`;

const program = (path: string, content: string) => ({ path, content, mode: 0o755 });

const images = {
  needy: {
    members: [program('startup', startupProgram)],
    labels: {
      [label('cgroup')]: 'v1',
      [label('capabilities')]: 'CAP_NET_ADMIN, CAP_SYS_TIME',
      [label('tmpfs')]: '/scratch:size=3m,/tmp',
      [label('packet-sockets')]: 'true',
      [label('startup')]: '/startup',
    },
  },
  inited: {
    members: [program('fake-init', initProgram)],
    labels: { [label('init')]: '/fake-init', [label('tmpfs')]: '/run' },
  },
  broken: {
    members: [],
    labels: { [label('init')]: '/no-such-init', [label('tmpfs')]: '/run' },
  },
  invalid: { members: [], labels: { [label('tmpfs')]: '/.atoll/identity' } },
};

describeOnEachDriver('an image with labels of needs', (server, driver) => {
  const create = async (image: keyof typeof images): Promise<Sandbox> => {
    await pushDerived(server(), `default/${image}`, 'latest', images[image]);
    return Sandbox.create({ apiUrl: server().url, apiKey: server().apiKey, image, name: image });
  };
  const shell = async (sandbox: Sandbox, script: string): Promise<string> => {
    const { stdout } = await sandbox.run('sh', { args: ['-c', script], user: 'root' });
    return stdout.trim();
  };

  test.runIf(driver === 'gvisor')('gets what it asks for', async () => {
    const sandbox = await create('needy');
    const facts = await shell(
      sandbox,
      `test -d /sys/fs/cgroup/pids && echo v1
       grep CapEff /proc/self/status
       df -m --output=target,size /scratch /tmp | tail -n 2
       cat /started-as`,
    );
    const [cgroup, capabilities = '', scratch, temporary, startedAs] = facts.split('\n');
    expect([cgroup, startedAs]).toEqual(['v1', '0']);
    // CAP_NET_ADMIN is bit 12, CAP_SYS_TIME 25, and CAP_SYS_MODULE, which nobody asked for, 16.
    const bits = BigInt(`0x${capabilities.split('\t')[1]}`);
    expect([12n, 25n, 16n].map((bit) => (bits >> bit) & 1n)).toEqual([1n, 1n, 0n]);
    expect(scratch).toMatch(/^\/scratch +3$/);
    expect(temporary).toMatch(/^\/tmp +64$/);
    await sandbox.terminate();
  });

  test.runIf(driver === 'gvisor')(
    'can have an init program of its own, whose unit the agent is',
    async () => {
      const sandbox = await create('inited');
      const first = await shell(sandbox, 'cat /proc/1/cmdline | tr "\\0" " "; cat /run/container-variable');
      expect(first).toMatch(/^\/bin\/sh \/fake-init ?\s*atoll$/);
      // A process that its parent has left is still the agent's to find and to end.
      expect(await shell(sandbox, '(setsid sleep 100 & ); ps -o ppid= -C sleep')).not.toBe('1');
      await sandbox.suspend();
      expect(await shell(sandbox, 'echo awake')).toBe('awake');
      // The init program ends with its only unit, and the sandbox with it.
      await sandbox.run('sh', { args: ['-c', 'pkill -9 -o -x agent'], user: 'root' }).catch(() => {});
      await expect.poll(() => sandbox.status(), { timeout: 10_000 }).toBe('terminated');
    },
  );

  test.runIf(driver === 'gvisor')('that names an init program which it lacks does not start', async () => {
    await expect(create('broken')).rejects.toThrow(/did not start/);
    expect(server().log.some((line) => line.includes('init program /no-such-init'))).toBe(true);
  });

  test('that asks for what no image may have is refused', async () => {
    await expect(create('invalid')).rejects.toThrow(/label dev\.atoll\.runtime\.tmpfs/);
  });

  test.runIf(driver === 'native')('is refused with the runtime that can', async () => {
    await expect(create('needy')).rejects.toThrow(/runtime native does not give/);
  });
});
