/** `bench/records.ts`: what reads of sandboxes and images take beside few and beside many, and their ratio. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createImageLists } from '@atoll/server/image/image-lists';
import { createImageRecords } from '@atoll/server/image/image-records';
import type { LayoutImage } from '@atoll/server/image/oci-layout';
import { configSchema, descriptorSchema, manifestSchema } from '@atoll/server/image/oci-schema';
import { systemClock } from '@atoll/server/lib/clock';
import { openDb } from '@atoll/server/store/db';
import type { Db } from '@atoll/server/store/db';
import { createQuotaStore } from '@atoll/server/store/quota-store';
import { createSandboxStore } from '@atoll/server/store/sandbox-store';
import type { SandboxRecord } from '@atoll/server/store/sandbox-store';
import { createTenancy } from '@atoll/server/tenancy/tenancy';
import { writePage } from './report.ts';
import { summarize } from './statistics.ts';

interface Size {
  live: number;
  ended: number;
  /** Each with a tag; one more has as many tags. */
  images: number;
}

const SMALL: Size = { live: 100, ended: 100, images: 50 };
const LARGE: Size = { live: 1000, ended: 10_000, images: 5000 };
const PAGE = 50;
const ROUNDS = 50;
const DAY_MS = 86_400_000;
const KEY = 'atoll_key_of_the_benchmark';

const recordOf = (workspaceId: string, index: number, createdAt: number): SandboxRecord => ({
  id: `sb${String(index).padStart(19, '0')}`,
  name: `box-${index}`,
  workspaceId,
  state: 'running',
  incarnation: 1,
  runtime: 'gvisor',
  image: 'debian',
  manifestDigest: 'sha256:0',
  agentDigest: 'sha256:0',
  limits: { cpus: 1, memoryMb: 1024, diskMb: 1024 },
  network: { internet: true, allowOut: [], denyOut: [] },
  networkGeneration: 0,
  exposedPorts: [],
  allowUnauthenticated: false,
  createdAt,
});

/** Writes that many records, the ended ones within the last day; answers the reads that servers make of them. */
function fill(db: Db, { live, ended, images }: Size): Record<string, () => unknown> {
  const tenancy = createTenancy({ db, clock: systemClock });
  tenancy.ensureAdminKey(KEY);
  const workspaceId = tenancy.authenticator.authenticate(KEY).workspace.id;
  const store = createSandboxStore(db);
  const quotas = createQuotaStore(db);
  const now = Date.now();
  db.transaction(() => {
    for (let index = 0; index < live + ended; index += 1) {
      const record = recordOf(workspaceId, index, now - index);
      store.insert(record);
      const end = { state: 'terminated', terminatedAt: now - index } as const;
      if (index >= live) store.change(record, undefined, end);
    }
  });
  const { id, name = '' } = recordOf(workspaceId, 1, now);
  return {
    ...fillImages(db, workspaceId, images),
    'list, a page of 100': () => store.list(workspaceId, now - DAY_MS, { limit: 100 }),
    'list of what ended, a page of 100': () =>
      store.listEnded(workspaceId, { limit: 100, direction: 'forward' }),
    'get by id': () => store.byId(workspaceId, id),
    'get by name': () => store.byName(workspaceId, name),
    'use beside a quota': () => quotas.used(workspaceId),
    'what a start looks at': () => store.unsettled(),
    'what ends by itself': () => store.mortal(now),
  };
}

const digestOf = (kind: string, index: number): string =>
  `sha256:${createHash('sha256').update(`${kind}${index}`).digest('hex')}`;

/** Of one layer, which it has for itself. */
function imageOf(index: number): LayoutImage {
  const descriptor = (kind: string, mediaType: string) => ({
    mediaType,
    digest: digestOf(kind, index),
    size: 1000,
  });
  const rootfs = { type: 'layers', diff_ids: [digestOf('diff', index)] };
  const config = configSchema.parse({ architecture: 'amd64', os: 'linux', rootfs });
  const manifest = manifestSchema.parse({
    schemaVersion: 2,
    config: descriptor('config', 'application/vnd.oci.image.config.v1+json'),
    layers: [descriptor('layer', 'application/vnd.oci.image.layer.v1.tar')],
  });
  return {
    descriptor: descriptorSchema.parse(descriptor('manifest', 'application/vnd.oci.image.manifest.v1+json')),
    manifest,
    config,
    configJson: JSON.stringify(config),
    blobPath: (digest) => digest,
  };
}

/** Names that many images, and gives one of them as many tags; answers the reads of a client that looks through them. */
function fillImages(db: Db, workspaceId: string, count: number): Record<string, () => unknown> {
  const records = createImageRecords(db, Date.now);
  db.transaction(() => {
    for (let index = 0; index < count; index += 1) {
      records.addManifest(imageOf(index));
      const { digest } = imageOf(index).descriptor;
      records.register({ workspaceId, repository: `image-${index}`, tag: 'latest' }, digest);
      records.register({ workspaceId, repository: 'tagged', tag: `v${index}` }, digest);
    }
  });
  const lists = createImageLists(db, records);
  const { next } = lists.page(workspaceId, { limit: PAGE });
  return {
    'images, a page of 50': () => lists.page(workspaceId, { limit: PAGE }),
    'images, the next page': () => lists.page(workspaceId, { limit: PAGE, ...(next && { after: next }) }),
    'names of images, a page of 50': () => lists.repositories(workspaceId, { limit: PAGE }),
    'image by name': () => lists.repository(workspaceId, 'image-7'),
    'how many images': () => lists.count(workspaceId),
  };
}

/** The median of each read, in milliseconds. */
function measure(size: Size): Map<string, number> {
  const dir = mkdtempSync(join(tmpdir(), 'atoll-bench-records-'));
  const db = openDb(join(dir, 'records.db'));
  try {
    const medians = Object.entries(fill(db, size)).map(([name, read]): [string, number] => {
      const times = Array.from({ length: ROUNDS }, () => {
        const startedAt = performance.now();
        read();
        return performance.now() - startedAt;
      });
      return [name, summarize(times).median];
    });
    return new Map(medians);
  } finally {
    db.close();
    rmSync(dir, { recursive: true });
  }
}

const small = measure(SMALL);
const large = measure(LARGE);
const rows = [...small].map(([name, few]) => {
  const many = large.get(name) ?? Number.NaN;
  return `| ${name} | ${few.toFixed(3)} | ${many.toFixed(3)} | ${(many / few).toFixed(1)} |`;
});
const title = ({ live, ended, images }: Size): string =>
  `${live} live, ${ended} ended, ${images} images (ms)`;
process.stdout.write(
  writePage('records.md', 'Reads of records', [
    `Medians of ${ROUNDS}.`,
    '',
    `| read | ${title(SMALL)} | ${title(LARGE)} | ratio |`,
    '|---|---|---|---|',
    ...rows,
  ]),
);
