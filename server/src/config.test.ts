import { expect, test } from 'vitest';
import { ConfigError, isLoopback, readConfig } from './config.ts';

const read = (args: string[], env: NodeJS.ProcessEnv = {}) => readConfig(args, env, '/project');

test('a domain is taken in lower case', () => {
  expect(read(['--base-domain', 'Lab.Example']).baseDomain).toBe('lab.example');
});

test.each([
  ['127.0.0.1', true],
  ['127.8.8.8', true],
  ['::1', true],
  ['localhost', true],
  ['127.evil.example', false],
  ['0.0.0.0', false],
  ['localhost.evil.example', false],
])('that %s is reached from this machine alone is %s', (host, loopback) => {
  expect(isLoopback(host)).toBe(loopback);
});

test('without flags a server listens on loopback, with gVisor', () => {
  expect(read([])).toMatchObject({
    host: '127.0.0.1',
    port: 8900,
    runtime: 'gvisor',
    dataDir: '/var/lib/atoll',
    runDir: '/run/atoll',
  });
});

test.each([
  ['0.0.0.0:80', '0.0.0.0', 80],
  ['[::1]:8080', '::1', 8080],
  ['9000', '127.0.0.1', 9000],
  [':9000', '127.0.0.1', 9000],
])('--listen %s is %s port %i', (listen, host, port) => {
  expect(read(['--listen', listen])).toMatchObject({ host, port });
});

test.each([
  [['--listen', 'nonsense']],
  [['--listen', '127.0.0.1:99999']],
  [['--runtime', 'docker']],
  [['--slots', 'many']],
  [['--max-cpus', '0']],
  [['--unknown']],
  [['--log-level', 'loud']],
  [['--base-domain', 'https://lab.example']],
  [['--base-domain', '.lab.example']],
  [['--base-domain', 'lab..example']],
  [['--base-domain', '10.0.0.1']],
])('%j is refused', (args) => {
  expect(() => read(args)).toThrow(ConfigError);
});

test('a short key of the operator is refused', () => {
  expect(() => read([], { ATOLL_API_KEY: 'short' })).toThrow('at least 16');
});

test('the driver without isolation keeps its run folder in the data directory', () => {
  expect(read(['--runtime', 'fake', '--data-dir', '/tmp/x']).runDir).toBe('/tmp/x/run');
});

test.each(['/', '/atoll.slice', '/machine.slice/atoll-1.slice'])('--cgroup-parent %s is taken', (path) => {
  expect(read(['--cgroup-parent', path]).cgroupParent).toBe(path);
});

test.each(['', 'atoll.slice', '/..', '/a/../b', '/a//b', '/a/', '/a b'])(
  '--cgroup-parent %j is refused',
  (path) => {
    expect(() => read(['--cgroup-parent', path])).toThrow(ConfigError);
  },
);
