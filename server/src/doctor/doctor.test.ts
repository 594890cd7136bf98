import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { doctorChecks, runChecks } from './doctor.ts';
import type { CheckReport, DoctorContext } from './doctor.ts';

let dir: string;
let context: DoctorContext;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atoll-doctor-test-'));
  context = {
    env: { PATH: join(dir, 'bin') },
    hostRoot: dir,
    userId: 0,
    nodeVersion: '24.1.0',
    cacheDir: join(dir, 'cache'),
    dataDir: join(dir, 'data', 'not', 'there'),
    listen: { host: '127.0.0.1', port: 0 },
    setupScript: join(dir, 'bin', 'setup'),
    signal: new AbortController().signal,
  };
});

afterEach(() => rm(dir, { recursive: true, force: true }));

async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(dir, path)), { recursive: true });
  await writeFile(join(dir, path), content);
}

async function putProgram(path: string, body: string): Promise<void> {
  await put(path, `#!/bin/sh\n${body}\n`);
  await chmod(join(dir, path), 0o755);
}

async function report(id: string, fix = false): Promise<CheckReport> {
  const [found] = await runChecks(context, { checks: doctorChecks.filter((check) => check.id === id), fix });
  if (found === undefined) throw new Error(`no check ${id}`);
  return found;
}

describe('all checks', () => {
  it('have ids of their own', () => {
    expect(new Set(doctorChecks.map(({ id }) => id)).size).toBe(doctorChecks.length);
  });

  it('say what to do whenever they are not content, on a machine that has nothing', async () => {
    const reports = await runChecks(context);
    const silent = reports.filter(({ status, fix }) => status !== 'ok' && !fix);
    expect(silent).toEqual([]);
    expect(reports).toHaveLength(doctorChecks.length);
  });

  it('report in order, as they come', async () => {
    const seen: string[] = [];
    await runChecks(context, { onReport: ({ id }) => seen.push(id) });
    expect(seen).toEqual(doctorChecks.map(({ id }) => id));
  });

  it('a check that breaks does not hide the others', async () => {
    const breaking = { id: 'x', title: 'x', run: () => Promise.reject(new Error('broken')) };
    const [broken, next] = await runChecks(context, { checks: [breaking, ...doctorChecks.slice(1, 2)] });
    expect(broken).toMatchObject({ status: 'fail', detail: 'cannot be checked: broken' });
    expect(next).toMatchObject({ id: 'root', status: 'ok' });
  });
});

describe('host', () => {
  it.each([
    ['6.18.44-generic', 'ok'],
    ['5.10.0', 'ok'],
    ['5.4.0-150-generic', 'fail'],
  ])('kernel %s: %s', async (release, status) => {
    await put('proc/sys/kernel/osrelease', release);
    expect((await report('kernel')).status).toBe(status);
  });

  it.each([
    ['24.1.0', 'ok'],
    ['22.18.0', 'ok'],
    ['22.9.0', 'fail'],
    ['20.20.2', 'fail'],
  ])('Node %s: %s', async (nodeVersion, status) => {
    context = { ...context, nodeVersion };
    expect((await report('node')).status).toBe(status);
  });

  it('a user without root rights cannot run sandboxes', async () => {
    context = { ...context, userId: 1000 };
    expect(await report('root')).toMatchObject({ status: 'fail', detail: 'running as user 1000' });
  });

  it('cgroup v2 with its controllers will do', async () => {
    await put('proc/self/mountinfo', '30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n');
    await put('sys/fs/cgroup/cgroup.controllers', 'cpuset cpu io memory pids\n');
    expect(await report('cgroups')).toMatchObject({ status: 'ok' });
  });

  it('cgroup v2 without the memory controller fails and names it', async () => {
    await put('proc/self/mountinfo', '30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n');
    await put('sys/fs/cgroup/cgroup.controllers', 'cpu pids\n');
    expect(await report('cgroups')).toMatchObject({ status: 'fail', detail: 'v2, without memory' });
  });

  it('cgroup v1 without the freezer is a warning', async () => {
    const line = (name: string): string =>
      `30 24 0:26 / /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}\n`;
    await put('proc/self/mountinfo', ['cpu', 'memory', 'pids'].map(line).join(''));
    expect(await report('cgroups')).toMatchObject({ status: 'warn' });
  });

  it('little available memory is a warning', async () => {
    await put('proc/meminfo', 'MemTotal: 4000000 kB\nMemAvailable:  900000 kB\n');
    expect(await report('memory')).toMatchObject({ status: 'warn', detail: '878 MB available' });
  });

  it('the disk of a data folder that does not exist yet is that of its parent', async () => {
    expect((await report('disk')).detail).toContain(`free in ${dir}`);
  });
});

describe('runtimes', () => {
  const record = '{ "version": "release-20260817.0", "origin": "release", "sha256": "00" }\n';

  it('no runsc in the cache fails', async () => {
    expect(await report('runsc')).toMatchObject({ status: 'fail' });
  });

  it('a runsc that runs a sandbox is named with its version and origin', async () => {
    await putProgram('cache/runsc/runsc', 'exit 0');
    await put('cache/runsc/version.json', record);
    expect((await report('runsc')).detail).toBe('release-20260817.0 (official release), runs a sandbox');
  });

  it('a runsc that cannot run a sandbox fails with what it said', async () => {
    await putProgram('cache/runsc/runsc', 'echo "no ptrace" >&2; exit 128');
    await put('cache/runsc/version.json', record);
    expect((await report('runsc')).detail).toContain('does not run a sandbox: no ptrace');
  });

  it('a cut version record counts as none', async () => {
    await putProgram('cache/runsc/runsc', 'exit 0');
    await put('cache/runsc/version.json', '{ "versi');
    expect(await report('runsc')).toMatchObject({ status: 'fail' });
  });

  it('neither crun nor runc is a warning: gVisor works without', async () => {
    expect(await report('oci-runtime')).toMatchObject({ status: 'warn' });
  });

  it('an old crun alone is a warning on hybrid cgroups', async () => {
    await putProgram('bin/crun', 'echo "crun version 1.8.1"');
    await put('proc/self/mountinfo', '1 1 0:1 / /a rw - cgroup c rw,pids\n2 1 0:2 / /b rw - cgroup2 c rw\n');
    expect(await report('oci-runtime')).toMatchObject({ status: 'warn' });
  });

  it('an old crun beside runc will do on hybrid cgroups', async () => {
    await putProgram('bin/crun', 'echo "crun version 1.8.1"');
    await putProgram('bin/runc', 'echo "runc version 1.1.5+ds1"');
    await put('proc/self/mountinfo', '1 1 0:1 / /a rw - cgroup c rw,pids\n2 1 0:2 / /b rw - cgroup2 c rw\n');
    expect(await report('oci-runtime')).toMatchObject({ status: 'ok', detail: 'crun 1.8.1, runc 1.1.5+ds1' });
  });

  it('base images tell which distribution stands in for another', async () => {
    await put('cache/images/debian-minimal/index.json', '{}');
    await put(
      'cache/images/catalog.json',
      '{"images":[{"name":"ubuntu","layout":"debian-minimal","base":"Debian 13","substitutedFor":"Ubuntu 24.04"}]}',
    );
    expect((await report('base-images')).detail).toBe('ubuntu = Debian 13, in place of Ubuntu 24.04');
  });

  it('a catalog that names a missing layout fails', async () => {
    await put(
      'cache/images/catalog.json',
      '{"images":[{"name":"debian","layout":"gone","base":"Debian 13"}]}',
    );
    expect(await report('base-images')).toMatchObject({ status: 'fail', detail: 'debian: no layout' });
  });
});

describe('network', () => {
  it('missing programs are named', async () => {
    expect((await report('netns')).detail).toBe('`ip` is not installed');
    expect((await report('nftables')).detail).toBe('`nft` is not installed');
  });

  it("iptables' own policy of drop is fine, another table's is a warning that names it", async () => {
    const chain = (table: string): string =>
      `{"chain":{"family":"ip","table":"${table}","name":"FORWARD","hook":"forward","policy":"drop"}}`;
    await putProgram('bin/nft', `echo '{"nftables":[{"metainfo":{}},${chain('filter')}]}'`);
    expect((await report('forward-policy')).status).toBe('ok');
    await putProgram('bin/nft', `echo '{"nftables":[${chain('firewalld')}]}'`);
    expect(await report('forward-policy')).toMatchObject({ status: 'warn' });
    expect((await report('forward-policy')).detail).toContain('ip firewalld FORWARD');
  });

  it('a chain that drops what comes to the host is a warning too, one for IPv6 is none', async () => {
    const chain = (family: string): string =>
      `{"chain":{"family":"${family}","table":"mine","name":"in","hook":"input","policy":"drop"}}`;
    await putProgram('bin/nft', `echo '{"nftables":[${chain('inet')}]}'`);
    expect((await report('forward-policy')).detail).toContain('resolve no names');
    await putProgram('bin/nft', `echo '{"nftables":[${chain('ip6')}]}'`);
    expect((await report('forward-policy')).status).toBe('ok');
  });

  it('a small or full table of connections and a small one of neighbours are warnings', async () => {
    const [max, count] = ['max', 'count'].map((name) => `proc/sys/net/netfilter/nf_conntrack_${name}`);
    const neighbours = 'proc/sys/net/ipv4/neigh/default/gc_thresh3';
    expect((await report('conntrack')).status).toBe('ok');
    await put(max ?? '', '1000');
    expect(await report('conntrack')).toMatchObject({ status: 'warn' });
    await put(max ?? '', '262144');
    expect((await report('conntrack')).status).toBe('ok');
    await put(count ?? '', '250000');
    expect((await report('conntrack')).detail).toContain('250000 of 262144');
    await put(neighbours, '1024');
    expect((await report('neighbours')).status).toBe('ok');
    await put(neighbours, '128');
    expect(await report('neighbours')).toMatchObject({ status: 'warn' });
  });

  it('a port that is taken is a warning', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      context = { ...context, listen: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } };
      expect(await report('port')).toMatchObject({ status: 'warn' });
    } finally {
      server.close();
    }
  });

  it('a free port is fine', async () => {
    expect((await report('port')).status).toBe('ok');
  });

  it('an address of another machine fails', async () => {
    context = { ...context, listen: { host: '192.0.2.1', port: 1 } };
    expect(await report('port')).toMatchObject({ status: 'fail' });
  });
});

describe('repairs', () => {
  it('switch forwarding on', async () => {
    await put('proc/sys/net/ipv4/ip_forward', '0');
    expect((await report('ip-forward')).status).toBe('warn');
    expect(await report('ip-forward', true)).toMatchObject({ status: 'ok', repair: 'repaired' });
    expect(await readFile(join(dir, 'proc/sys/net/ipv4/ip_forward'), 'utf8')).toBe('1');
  });

  it('call the set-up script with the steps that bring what is missing', async () => {
    await putProgram('bin/setup', `echo "$@" >>${dir}/steps`);
    expect(await report('runsc', true)).toMatchObject({ status: 'fail' });
    expect(await readFile(join(dir, 'steps'), 'utf8')).toBe('runsc\n');
  });

  it('that go wrong are reported beside what is wrong', async () => {
    await putProgram('bin/setup', 'echo "no network" >&2; exit 1');
    const found = await report('runsc', true);
    expect(found).toMatchObject({ status: 'fail', repair: 'failed' });
    expect(found.repairError).toContain('no network');
  });

  it('do not touch what is fine', async () => {
    await put('proc/sys/net/ipv4/ip_forward', '1');
    expect(await report('ip-forward', true)).not.toHaveProperty('repair');
  });
});
