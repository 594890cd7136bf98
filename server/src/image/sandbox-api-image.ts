import { Readable } from 'node:stream';
import { AGENT_PATH } from '../runtime/oci-spec.ts';
import { machineArchitecture } from './platform.ts';
import { paddingOf } from './tar-entry.ts';
import { archiveEnd, encodeEntry } from './tar-writer.ts';
import type { Workshop } from './workshop.ts';

/** Where the published Dockerfiles of the Blaxel dialect take the program from that serves the API in a sandbox. */
export const SANDBOX_API_IMAGE = 'ghcr.io/blaxel-ai/sandbox';
/** Where they put it. */
export const SANDBOX_API_PATH = '/usr/local/bin/sandbox-api';

/** The file in that image. */
const PROGRAM = 'sandbox-api';

/**
 * The program is the agent that every sandbox has, by another name: a first line that names it. So an image holds no copy
 * of it that could grow old, and the program fits the agent that it joins whatever their versions.
 */
export const sandboxApiScript = `#!${AGENT_PATH} ${PROGRAM}\n`;

/** Whether a reference means that image, in any version. */
export const isSandboxApiImage = (reference: string): boolean =>
  /^ghcr\.io\/blaxel-ai\/sandbox([:@]|$)/.test(reference);

/** Makes the image, which is the same each time; the lease holds it until something refers to it. */
export async function makeSandboxApiImage(
  workshop: Pick<Workshop, 'addLayer' | 'addImage'>,
  leaseId: string,
  signal: AbortSignal,
): Promise<string> {
  const layer = await workshop.addLayer(
    leaseId,
    async (take) => {
      await take(Readable.from([archive()]));
      return true;
    },
    signal,
  );
  const layers = layer ? [layer] : [];
  const config = {
    architecture: machineArchitecture,
    os: 'linux',
    config: { Entrypoint: [`/${PROGRAM}`] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  };
  return workshop.addImage(leaseId, { layers, config });
}

function archive(): Buffer {
  const content = Buffer.from(sandboxApiScript);
  const header = encodeEntry({
    kind: 'file',
    path: PROGRAM,
    linkPath: '',
    mode: 0o755,
    uid: 0,
    gid: 0,
    sizeBytes: content.length,
    mtime: '0',
    devMajor: 0,
    devMinor: 0,
    xattrs: new Map(),
  });
  const padding = Buffer.alloc(paddingOf(content.length));
  return Buffer.concat([header, content, padding, archiveEnd]);
}
