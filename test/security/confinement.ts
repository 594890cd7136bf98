import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Sandbox } from '@atoll/sdk';
import type { TestServer } from '../fixtures/server.ts';
import type { Confinement, User } from './security-record.ts';

/** By their numbers: https://man7.org/linux/man-pages/man7/capabilities.7.html */
const capabilities =
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'.split(
    ' ',
  );

const namespaces = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'];

/** What a process inside sees of its confinement. */
export async function confinementInside(sandbox: Sandbox, user: User): Promise<Confinement> {
  const script =
    'cat /proc/self/status; echo ====; cat /proc/self/uid_map; echo ====; readlink /proc/self/ns/*; uname -r';
  const { stdout } = await sandbox.run('/bin/sh', ['-c', script], { user });
  const [status = '', idMap = '', links = ''] = stdout.split('====\n');
  const shared = namespaces.filter((kind) => links.includes(`${readlinkSync(`/proc/self/ns/${kind}`)}\n`));
  return confinementOf(status, idMap, shared);
}

/** What the host sees of the processes of all sandboxes that run; each property as the least confined has it. */
export function confinementOutside(server: TestServer): Confinement {
  const found = processesOfSandboxes(server).flatMap((pid) => confinementOfProcess(pid));
  if (found.length === 0) throw new Error('the host has no process of a sandbox');
  const all = (of: (each: Confinement) => string[]): string[] => [...new Set(found.flatMap(of))].toSorted();
  return {
    capabilities: all((each) => each.capabilities),
    isFiltered: found.every(({ isFiltered }) => isFiltered),
    gainsNothing: found.every(({ gainsNothing }) => gainsNothing),
    isHostRoot: found.some(({ isHostRoot }) => isHostRoot),
    sharedNamespaces: all((each) => each.sharedNamespaces),
  };
}

/** A slot with an identity is in use; one that is being made has a runtime that is not confined yet, and no guest. */
function processesOfSandboxes({ runDir, instanceId }: TestServer): string[] {
  const slots = readdirSync(join(runDir, instanceId, 'identity')).filter((name) =>
    /^[a-z0-9]{8}$/.test(name),
  );
  const groups = slots.map((slot) => new RegExp(`/atoll-${instanceId}/${slot}(/|$)`, 'm'));
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => groups.some((group) => group.test(readIfThere(`/proc/${pid}/cgroup`))));
}

/** Nothing of one that has ended in between. */
function confinementOfProcess(pid: string): Confinement[] {
  const [status, idMap] = [readIfThere(`/proc/${pid}/status`), readIfThere(`/proc/${pid}/uid_map`)];
  try {
    const shared = namespaces.filter(
      (kind) => readlinkSync(`/proc/${pid}/ns/${kind}`) === readlinkSync(`/proc/self/ns/${kind}`),
    );
    return [confinementOf(status, idMap, shared)];
  } catch {
    return [];
  }
}

function confinementOf(status: string, idMap: string, sharedNamespaces: string[]): Confinement {
  const field = (name: string): string => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '0';
  const effective = BigInt(`0x${field('CapEff')}`);
  return {
    capabilities: capabilities.filter((_, bit) => (effective & (1n << BigInt(bit))) !== 0n).toSorted(),
    isFiltered: field('Seccomp') === '2',
    gainsNothing: field('NoNewPrivs') === '1',
    isHostRoot: field('Uid') === '0' && /^\s*0\s+0\s/.test(idMap),
    sharedNamespaces,
  };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
