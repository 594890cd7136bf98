import type { DockerConfig } from '../image/remote/registry-credentials.ts';

/** What a client asks to be built. It lives as long as the build: secrets and credentials are in no record. */
export interface BuildRequest {
  name?: string;
  dockerfile?: string;
  dockerfilePath?: string;
  context: boolean;
  /** The context may bring build arguments and credentials for registries, in files that no step sees. */
  hasSettingsInContext?: boolean;
  target?: string;
  buildArgs: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  secrets: ReadonlyMap<string, Buffer>;
  /** The SSH agents that the client lends, by name. */
  ssh?: readonly string[];
  /** The hosts that ADD may reach over SSH. */
  sshKnownHosts?: string;
  dockerConfig?: DockerConfig;
  noCache: boolean;
  /** The image needs the program that serves the Blaxel sandbox API inside. */
  needsSandboxApi?: boolean;
  platform?: string;
  cpus?: number;
  memoryMb?: number;
  builderDiskMb?: number;
  /** The disk of sandboxes that start from the image and ask for none. */
  diskMb?: number;
  /** Key of the caller. */
  createdBy?: string;
  /** Absent: as the name is already. */
  isPublic?: boolean | undefined;
  noReplace: boolean;
  timeoutMs?: number;
}
