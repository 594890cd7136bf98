import { expect, test } from 'vitest';
import { defaultCapabilities } from '../oci-spec.ts';
import { readDefaultSeccompProfile, toOciSeccomp } from './seccomp.ts';
import type { OciSeccomp } from './seccomp.ts';

const host = { architecture: 'x64', kernelRelease: '6.1.0-13-amd64', capabilities: defaultCapabilities };

const actionsOf = (seccomp: OciSeccomp, call: string): string[] =>
  seccomp.syscalls.filter((rule) => rule.names.includes(call)).map((rule) => rule.action);

test('what is not named is refused, and what needs a capability that sandboxes lack is not named', async () => {
  const seccomp = toOciSeccomp(await readDefaultSeccompProfile(), host);
  expect([seccomp.defaultAction, seccomp.defaultErrnoRet]).toEqual(['SCMP_ACT_ERRNO', 1]);
  const forbidden = [
    'mount',
    'unshare',
    'setns',
    'bpf',
    'init_module',
    'kexec_load',
    'keyctl',
    'userfaultfd',
  ];
  expect(forbidden.filter((call) => actionsOf(seccomp, call).includes('SCMP_ACT_ALLOW'))).toEqual([]);
  expect(actionsOf(seccomp, 'clone3')).toEqual(['SCMP_ACT_ERRNO']);
  expect(actionsOf(seccomp, 'read')).toEqual(['SCMP_ACT_ALLOW']);
  expect(actionsOf(seccomp, 'chroot')).toEqual(['SCMP_ACT_ALLOW']);
});

test('a capability brings its calls', async () => {
  const capabilities = [...defaultCapabilities, 'CAP_SYS_ADMIN'];
  const seccomp = toOciSeccomp(await readDefaultSeccompProfile(), { ...host, capabilities });
  expect(actionsOf(seccomp, 'mount')).toEqual(['SCMP_ACT_ALLOW']);
  expect(actionsOf(seccomp, 'clone3')).toEqual(['SCMP_ACT_ALLOW']);
});

test('calls of other architectures and of newer kernels are left out', async () => {
  const profile = await readDefaultSeccompProfile();
  const seccomp = toOciSeccomp(profile, { ...host, kernelRelease: '4.4.0' });
  expect(seccomp.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
  expect(actionsOf(seccomp, 'arm_fadvise64_64')).toEqual([]);
  expect(actionsOf(seccomp, 'arch_prctl')).toEqual(['SCMP_ACT_ALLOW']);
  expect(actionsOf(seccomp, 'ptrace')).toEqual([]);
  expect(actionsOf(toOciSeccomp(profile, host), 'ptrace')).toEqual(['SCMP_ACT_ALLOW']);
});

test('an architecture without a profile is refused', async () => {
  const profile = await readDefaultSeccompProfile();
  expect(() => toOciSeccomp(profile, { ...host, architecture: 'mips' })).toThrow('mips');
});
