import { expect, test } from 'vitest';
import type { SandboxMount, SandboxSpec, Slot } from '../driver.ts';
import { mainSpec } from './bundle.ts';
import { fitsHeldRun, preliminaryFiles } from './preliminary-spec.ts';

const slot = (diskMb: number): Slot => ({
  id: 'abcdefgh',
  limits: { cpus: 1, memoryMb: 64, diskMb },
  endpoint: { host: '10.0.0.2', port: 9501 },
});

const spec: SandboxSpec = {
  sandboxId: 'sandbox',
  incarnation: 1,
  hostname: 'host',
  rootfs: '/rootfs',
  layers: ['/layer'],
  agentBinary: '/agent',
  identityDir: '/identity',
};

const bind = (destination: string): SandboxMount => ({
  kind: 'bind',
  destination,
  source: '/source',
  isReadonly: true,
});
const etc = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf'].map(bind);
const step = { ...spec, disk: '/disk', mounts: etc };
const places = { pauseRoot: '/pause', pauseBundle: '/bundle', pauseBinary: '/agent', lateMountsDir: '/late' };
const sandbox = { ...spec, lateMountsDir: '/late' };

test('a held command of a slot with a disk goes on as a sandbox, and as no step of a build', () => {
  expect(fitsHeldRun(slot(100), sandbox)).toBe(true);
  expect(fitsHeldRun(slot(100), spec)).toBe(false);
  expect(fitsHeldRun(slot(100), step)).toBe(false);
});

test('a held command of a slot without a disk goes on as a step that binds what all steps do', () => {
  expect(fitsHeldRun(slot(0), step)).toBe(true);
  expect(fitsHeldRun(slot(0), { ...step, mounts: [...etc, { kind: 'tmpfs', destination: '/t' }] })).toBe(
    true,
  );
  expect(fitsHeldRun(slot(0), { ...step, mounts: [...etc, bind('/cache')] })).toBe(false);
  expect(fitsHeldRun(slot(0), spec)).toBe(false);
});

test('what a command is held with has as many binds as what it goes on with', () => {
  const bindsOf = (files: Parameters<typeof mainSpec>[1]) =>
    mainSpec(slot(0), files).mounts.filter(({ type }) => type === 'bind').length;
  expect(bindsOf(preliminaryFiles(slot(0), places))).toBe(bindsOf(step));
  expect(bindsOf(preliminaryFiles(slot(100), places))).toBe(bindsOf(sandbox));
});
