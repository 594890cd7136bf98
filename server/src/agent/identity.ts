import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What an agent reads at its start, as `agent.json` in its identity folder (agent/README.md). */
export interface AgentConfig {
  /** Processes of this sandbox may hand builds to the server. */
  acceptBuilds?: boolean;
  /** The agent answers programs inside on the port where images of the Blaxel dialect expect the sandbox API. */
  sandboxApi?: boolean;
  sandboxId: string;
  incarnation: number;
  token: string;
  listen: string;
  /** Peer addresses that the agent accepts; absent means any. */
  allowFrom?: string[];
  hostname: string;
  resolver?: string;
  env: Record<string, string>;
  entrypoint?: string[];
  user: string;
  workingDir: string;
  memoryMb: number;
  maxProcesses: number;
  oomGuard: 'meminfo' | 'cgroup' | 'none';
  extraCa: boolean;
  /** Sent to processes when the agent is told to stop; SIGKILL follows after the grace. */
  stopSignal: string;
  stopGraceMs: number;
  /** What is written becomes an image, so nothing of this sandbox may be among it. */
  build?: true;
  /** Folder under which the agent resolves paths, for the driver without isolation. */
  root?: string;
  /** The image's init program, which the agent of PID 1 becomes; it is then started as one of its units. */
  init?: string;
  /** A program of the image that is started as root before anything else. */
  startup?: string;
}

export type IdentityFolders = ReturnType<typeof createIdentityFolders>;

/**
 * One folder per slot with what is the incarnation's own: never environment, which a fork would copy. They hold
 * tokens, so only the server's user can read them.
 */
export function createIdentityFolders({ runDir, extraCaFile }: { runDir: string; extraCaFile?: string }) {
  const parent = join(runDir, 'identity');
  return {
    extraCa: extraCaFile !== undefined,
    pathOf: (slotId: string): string => join(parent, slotId),
    write: async (slotId: string, config: AgentConfig): Promise<string> => {
      const folder = join(parent, slotId);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(join(folder, 'agent.json'), JSON.stringify(config), { mode: 0o600 });
      if (extraCaFile !== undefined) await copyFile(extraCaFile, join(folder, 'extra-ca.pem'));
      return folder;
    },
    remove: (slotId: string): Promise<void> => rm(join(parent, slotId), { recursive: true, force: true }),
    list: async (): Promise<string[]> => {
      await mkdir(parent, { recursive: true, mode: 0o700 });
      return readdir(parent);
    },
  };
}
