import type { SshEndpoint as Shown } from '@atoll/protocol';
import type { ServerConfig } from './config.ts';
import type { Log } from './lib/log.ts';
import type { Sandboxes } from './sandbox/sandboxes.ts';
import { hostKeyFingerprint, openHostKey } from './ssh/host-key.ts';
import { createSshServer } from './ssh/ssh-server.ts';
import type { Tenancy } from './tenancy/tenancy.ts';

export interface SshEndpointOptions {
  config: Pick<ServerConfig, 'ssh'>;
  dataDir: string;
  tenancy: Pick<Tenancy, 'sshKeys' | 'access' | 'audit'>;
  sandboxes: Sandboxes;
  log: Log;
}

/** SSH is served where it is asked for, once the sandboxes are known; until then nobody is told of it. */
export function createSshEndpoint({ config, dataDir, tenancy, sandboxes, log }: SshEndpointOptions) {
  let shown: Shown | undefined;
  return {
    /** Where clients find it, and how they know it again. */
    get: (): Shown | undefined => shown,
    /** Begins to listen; returns what ends it. */
    open: async (): Promise<() => void> => {
      if (config.ssh === undefined) return () => {};
      const { sshKeys, access, audit } = tenancy;
      const hostKey = openHostKey(dataDir);
      const server = await createSshServer({ sandboxes, sshKeys, access, audit, hostKey, log });
      const port = await server.listen(config.ssh.host, config.ssh.port);
      shown = { port, host_key_fingerprint: hostKeyFingerprint(hostKey) };
      log.info({ host: config.ssh.host, port }, 'listening for SSH');
      return server.close;
    },
  };
}
