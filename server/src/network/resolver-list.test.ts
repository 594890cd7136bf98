import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createResolverList, parseResolvConf, parseResolverAddress } from './resolver-list.ts';

test('name servers are read, whatever stands around them', () => {
  const text =
    '# comment\nsearch example.org\nnameserver 192.0.2.53\n nameserver\t2001:db8::53\nnameserver host\n';
  expect(parseResolvConf(text)).toEqual([
    { host: '192.0.2.53', port: 53 },
    { host: '2001:db8::53', port: 53 },
  ]);
});

test.each([
  ['192.0.2.53', { host: '192.0.2.53', port: 53 }],
  ['192.0.2.53:5353', { host: '192.0.2.53', port: 5353 }],
  ['[2001:db8::53]:5353', { host: '2001:db8::53', port: 5353 }],
  ['example.org:53', undefined],
  ['192.0.2.53:0', undefined],
])('%s is read as %o', (text, expected) => {
  expect(parseResolverAddress(text)).toEqual(expected);
});

test('a changed file is read again', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-resolv-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const path = join(dir, 'resolv.conf');
  await writeFile(path, 'nameserver 192.0.2.1\n');
  const resolvers = createResolverList(path);
  expect(await resolvers()).toEqual([{ host: '192.0.2.1', port: 53 }]);
  await writeFile(path, 'nameserver 192.0.2.2\n');
  await utimes(path, 1, 1);
  await sleep(1_050);
  expect(await resolvers()).toEqual([{ host: '192.0.2.2', port: 53 }]);
});
