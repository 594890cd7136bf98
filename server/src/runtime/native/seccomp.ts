import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const condition = z.object({
  caps: z.array(z.string()).optional(),
  arches: z.array(z.string()).optional(),
  minKernel: z.string().optional(),
});

const rule = z.object({
  names: z.array(z.string()),
  action: z.string(),
  errnoRet: z.number().optional(),
  args: z
    .array(
      z.object({ index: z.number(), value: z.number(), valueTwo: z.number().optional(), op: z.string() }),
    )
    .nullish(),
  includes: condition.optional(),
  excludes: condition.optional(),
});

const profile = z.object({
  defaultAction: z.string(),
  defaultErrnoRet: z.number(),
  archMap: z.array(z.object({ architecture: z.string(), subArchitectures: z.array(z.string()).nullable() })),
  syscalls: z.array(rule),
});

export type SeccompProfile = z.infer<typeof profile>;
type Condition = z.infer<typeof condition>;

/** What a profile's conditions are about. */
export interface SeccompHost {
  /** As Node names it: `x64`, `arm64`. */
  architecture: string;
  kernelRelease: string;
  capabilities: readonly string[];
}

/** The `linux.seccomp` of an OCI spec. */
export interface OciSeccomp {
  defaultAction: string;
  defaultErrnoRet: number;
  architectures: string[];
  syscalls: { names: string[]; action: string; errnoRet?: number; args?: object[] }[];
}

/** The names of an architecture in the profile's map and in its conditions. */
const architectures: Readonly<Record<string, { seccomp: string; condition: string }>> = {
  x64: { seccomp: 'SCMP_ARCH_X86_64', condition: 'amd64' },
  arm64: { seccomp: 'SCMP_ARCH_AARCH64', condition: 'arm64' },
};

/** Reads the profile that Docker applies by default, kept beside this file with its source named in it. */
export async function readDefaultSeccompProfile(): Promise<SeccompProfile> {
  const text = await readFile(new URL('./seccomp-default.json', import.meta.url), 'utf8');
  return profile.parse(JSON.parse(text));
}

/** Settles a profile's conditions for this host and these capabilities. */
export function toOciSeccomp(source: SeccompProfile, host: SeccompHost): OciSeccomp {
  const names = architectures[host.architecture];
  if (names === undefined) throw new Error(`no seccomp profile for architecture ${host.architecture}`);
  const family = source.archMap.find((entry) => entry.architecture === names.seccomp);
  const meets = (wanted: Condition): boolean => meetsAll(wanted, names.condition, host);
  return {
    defaultAction: source.defaultAction,
    defaultErrnoRet: source.defaultErrnoRet,
    architectures: [names.seccomp, ...(family?.subArchitectures ?? [])],
    syscalls: source.syscalls
      .filter((entry) => entry.includes === undefined || meets(entry.includes))
      .filter((entry) => entry.excludes === undefined || !meetsAny(entry.excludes, names.condition, host))
      .map(({ names: calls, action, errnoRet, args }) => ({
        names: calls,
        action,
        ...(errnoRet !== undefined && { errnoRet }),
        ...(args && { args }),
      })),
  };
}

/** Every kind of condition that is given holds; within `arches` one match is enough, of `caps` all must be there. */
function meetsAll({ caps, arches, minKernel }: Condition, architecture: string, host: SeccompHost): boolean {
  return (
    (caps ?? []).every((cap) => host.capabilities.includes(cap)) &&
    (arches === undefined || arches.length === 0 || arches.includes(architecture)) &&
    (minKernel === undefined || isKernelAtLeast(host.kernelRelease, minKernel))
  );
}

function meetsAny({ caps, arches, minKernel }: Condition, architecture: string, host: SeccompHost): boolean {
  return (
    (caps ?? []).some((cap) => host.capabilities.includes(cap)) ||
    (arches ?? []).includes(architecture) ||
    (minKernel !== undefined && isKernelAtLeast(host.kernelRelease, minKernel))
  );
}

function isKernelAtLeast(release: string, wanted: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
