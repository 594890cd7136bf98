/** A line of the device list of a cgroup, as the OCI runtime spec writes it. */
export interface DeviceRule {
  allow: boolean;
  type?: 'a' | 'b' | 'c';
  major?: number;
  minor?: number;
  access: string;
}

const char = (major: number, minor?: number): DeviceRule => ({
  allow: true,
  type: 'c',
  major,
  ...(minor !== undefined && { minor }),
  access: 'rwm',
});

const UNIX98_TERMINALS = 136;

/**
 * Everything is refused but what Docker gives: null, zero, full, random, urandom, tty, console, ptmx and terminals.
 * Device nodes of an image open nothing anyway (the root is mounted without devices); this holds also where a sandbox
 * finds another way to a node.
 */
export const deviceRules: readonly DeviceRule[] = [
  { allow: false, type: 'a', access: 'rwm' },
  char(1, 3),
  char(1, 5),
  char(1, 7),
  char(1, 8),
  char(1, 9),
  char(5, 0),
  char(5, 1),
  char(5, 2),
  char(UNIX98_TERMINALS),
];
