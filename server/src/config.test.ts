import { expect, test } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

const read = (args: string[], env: NodeJS.ProcessEnv = {}) => readConfig(args, env, '/project');

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
])('%j is refused', (args) => {
  expect(() => read(args)).toThrow(ConfigError);
});

test('a short key of the operator is refused', () => {
  expect(() => read([], { ATOLL_API_KEY: 'short' })).toThrow('at least 16');
});

test('the driver without isolation keeps its run folder in the data directory', () => {
  expect(read(['--runtime', 'fake', '--data-dir', '/tmp/x']).runDir).toBe('/tmp/x/run');
});
