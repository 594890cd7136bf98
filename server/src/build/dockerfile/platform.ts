export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const aliases: Readonly<Record<string, { architecture: string; variant?: string }>> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  i386: { architecture: '386' },
  i686: { architecture: '386' },
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
  arm: { architecture: 'arm', variant: 'v7' },
};

const architectures = new Set(
  '386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm'.split(' '),
);
const systems = new Set(
  'linux windows darwin freebsd netbsd openbsd dragonfly solaris illumos aix android js wasip1'.split(' '),
);

/** Reads `os/architecture[/variant]`, or one of the first two alone; undefined for anything else. */
export function parsePlatform(text: string, own: Platform): Platform | undefined {
  const [first = '', second, variant, ...others] = text.toLowerCase().split('/');
  if (others.length > 0) return undefined;
  if (second === undefined && systems.has(first)) return { ...own, os: first };
  const [os, architecture] = second === undefined ? [own.os, first] : [first, second];
  if (!systems.has(os)) return undefined;
  return withArchitecture(os, architecture, variant);
}

function withArchitecture(os: string, name: string, given: string | undefined): Platform | undefined {
  const { architecture, variant: implied } = aliases[name] ?? { architecture: name };
  if (!architectures.has(architecture)) return undefined;
  if (given !== undefined && !/^v?\d+(\.\d+)?$/.test(given)) return undefined;
  const variant = given === undefined ? implied : `v${given.replace(/^v/, '')}`;
  const isDefault = variant === undefined || (architecture === 'arm64' && variant === 'v8');
  return { os, architecture, ...(isDefault ? {} : { variant }) };
}

export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
