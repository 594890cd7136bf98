import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { writeBundle } from './native-bundle.ts';
import { nativePaths, nativeSlotPaths } from './native-path.ts';

const slot = {
  id: 'slot0000',
  endpoint: { host: '127.0.0.1', port: 0 },
  limits: { cpus: 1, memoryMb: 64, diskMb: 1 },
};
const spec = {
  sandboxId: 'one',
  incarnation: 1,
  hostname: 'one',
  rootfs: '/nowhere',
  layers: [],
  agentBinary: '/agent',
  identityDir: '/identity',
};
const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 1, architectures: [], syscalls: [] };

async function bundleOf(): Promise<{ config: unknown; plan: unknown }> {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-bundle-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const paths = nativeSlotPaths(nativePaths(dir, dir), slot.id);
  await mkdir(paths.bundle, { recursive: true });
  await writeBundle(paths, { slot, spec, ids: undefined, hide: [], cgroupsPath: '/group', seccomp });
  const [config, plan] = await Promise.all([paths.config, paths.plan].map((path) => readFile(path, 'utf8')));
  return { config: JSON.parse(config ?? ''), plan: JSON.parse(plan ?? '') };
}

test('devices are refused first, and no block device is given back', async () => {
  const { config } = await bundleOf();
  expect(config).toMatchObject({
    linux: { resources: { devices: expect.arrayContaining([{ allow: false, type: 'a', access: 'rwm' }]) } },
  });
  expect(JSON.stringify(config)).not.toContain('"type":"b"');
});
