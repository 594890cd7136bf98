import { expect, test } from 'vitest';
import { parseCgroupLayout } from './cgroup-layout.ts';

const v2Line = '30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';

test('a host with only cgroup2 is v2', () => {
  expect(parseCgroupLayout(`22 1 8:1 / / rw - ext4 /dev/sda rw\n${v2Line}\n`)).toEqual({
    version: 2,
    root: '/sys/fs/cgroup',
  });
});

test('a hybrid host is v1, where its memory controller is', () => {
  const hybrid = [
    '31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct',
    '32 24 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
    '33 24 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd',
    '34 24 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
  ].join('\n');
  expect(parseCgroupLayout(hybrid)).toEqual({
    version: 1,
    mounts: new Map([
      ['cpu', '/sys/fs/cgroup/cpu,cpuacct'],
      ['cpuacct', '/sys/fs/cgroup/cpu,cpuacct'],
      ['memory', '/sys/fs/cgroup/memory'],
    ]),
    hierarchies: ['/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/systemd'],
  });
});

test('a host without a memory controller is refused', () => {
  expect(() => parseCgroupLayout('22 1 8:1 / / rw - ext4 /dev/sda rw')).toThrow('no memory controller');
});
