import { expect, test } from 'vitest';
import { readRuntimeNeeds } from './runtime-needs.ts';

const label = (name: string): string => `dev.atoll.runtime.${name}`;
const usual = { flavour: { cgroup: 'v2', packetSockets: false }, capabilities: [], tmpfs: [] };

test('an image without such labels needs nothing', () => {
  expect(readRuntimeNeeds({ 'dev.atoll.user': 'someone' })).toBeUndefined();
});

test.each([
  ['init', '/sbin/init', { ...usual, init: '/sbin/init' }],
  ['startup', '/usr/sbin/start', { ...usual, startup: '/usr/sbin/start' }],
  ['cgroup', 'v1', { ...usual, flavour: { cgroup: 'v1', packetSockets: false } }],
  ['packet-sockets', 'true', { ...usual, flavour: { cgroup: 'v2', packetSockets: true } }],
  ['capabilities', 'CAP_NET_ADMIN,CAP_BPF', { ...usual, capabilities: ['CAP_NET_ADMIN', 'CAP_BPF'] }],
  ['tmpfs', '/run', { ...usual, tmpfs: [{ path: '/run', sizeMb: 64 }] }],
  [
    'tmpfs',
    '/a:size=1m, /b',
    {
      ...usual,
      tmpfs: [
        { path: '/a', sizeMb: 1 },
        { path: '/b', sizeMb: 64 },
      ],
    },
  ],
])('%s %s is read', (name, value, needs) => {
  expect(readRuntimeNeeds({ [label(name)]: value })).toEqual(needs);
});

test('ALL stands for every capability', () => {
  expect(readRuntimeNeeds({ [label('capabilities')]: 'ALL' })?.capabilities).toHaveLength(41);
});

test.each([
  ['init', 'sbin/init'],
  ['init', '/sbin/../init'],
  ['init', '/sbin/\u0000init'],
  ['init', `/${'x'.repeat(5000)}`],
  ['startup', ''],
  ['startup', '/'],
  ['cgroup', 'v3'],
  ['cgroup', ''],
  ['packet-sockets', 'yes'],
  ['capabilities', 'CAP_EVERYTHING'],
  ['capabilities', 'ALL,CAP_BPF'],
  ['capabilities', 'net_admin'],
  ['tmpfs', 'run'],
  ['tmpfs', '/'],
  ['tmpfs', '/run/'],
  ['tmpfs', '/run,/run'],
  ['tmpfs', '/.atoll'],
  ['tmpfs', '/.atoll/identity'],
  ['tmpfs', '/proc/sys'],
  ['tmpfs', '/sys/fs/cgroup'],
  ['tmpfs', '/dev/shm'],
  ['tmpfs', '/run:size=0m'],
  ['tmpfs', '/run:size=1g'],
  ['tmpfs', '/run:size=1m,exec'],
  ['tmpfs', Array.from({ length: 17 }, (_, index) => `/t${index}`).join()],
])('%s %s is refused by name', (name, value) => {
  expect(() => readRuntimeNeeds({ [label(name)]: value })).toThrow(`the image's label ${label(name)} is `);
});
