import type { PortUrl } from '@atoll/protocol';
import type { PreviewUrl } from '../sandbox/previews.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';

export interface PortUrlOptions {
  baseDomain?: string;
  /** The port of this machine that stands for an exposed port. */
  findLocalPort: (sandboxId: string, port: number) => number | undefined;
}

/** Writes the URLs of exposed ports, for a client that reached this server at `baseUrl`. */
export function createPortUrls({ baseDomain, findLocalPort }: PortUrlOptions) {
  return (record: Pick<SandboxRecord, 'id' | 'exposedPorts'>, baseUrl: string): PortUrl[] => {
    const base = new URL(baseUrl);
    const domain = isThisMachine(base.hostname) ? 'localhost' : baseDomain;
    return record.exposedPorts.map((port) => {
      const pathUrl = `${base.origin}/ports/${record.id}/${port}/`;
      const localPort = findLocalPort(record.id, port);
      return {
        port,
        url: domain === undefined ? pathUrl : hostUrl(base, `${port}-${record.id}.${domain}`),
        path_url: pathUrl,
        ...(localPort !== undefined && { local_url: `http://localhost:${localPort}/` }),
      };
    });
  };
}

/**
 * Writes the URLs of previews. On this machine it is a path, because programs do not find names below `localhost`; a
 * browser may use those all the same.
 */
export function createPreviewUrls({ baseDomain }: Pick<PortUrlOptions, 'baseDomain'>): PreviewUrl {
  return ({ id, prefix }, baseUrl) => {
    const base = new URL(baseUrl);
    const before = prefix === undefined ? '' : `${prefix}-`;
    if (baseDomain === undefined || isThisMachine(base.hostname))
      return `${base.origin}/preview/${before}${id}`;
    return hostUrl(base, `${before}preview-${id}.${baseDomain}`).replace(/\/$/, '');
  };
}

/** Every browser takes names below `localhost` for this machine. */
const isThisMachine = (hostname: string): boolean =>
  /^(localhost|.*\.localhost|127\.[\d.]+|\[::1\])$/.test(hostname);

const hostUrl = ({ protocol, port }: URL, host: string): string =>
  `${protocol}//${host}${port === '' ? '' : `:${port}`}/`;
