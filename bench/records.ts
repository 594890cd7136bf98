/** `bench/records.ts`: what reads of sandbox records take beside few and beside many, and their ratio. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@atoll/server/lib/clock';
import { openDb } from '@atoll/server/store/db';
import type { Db } from '@atoll/server/store/db';
import { createQuotaStore } from '@atoll/server/store/quota-store';
import { createSandboxStore } from '@atoll/server/store/sandbox-store';
import type { SandboxRecord } from '@atoll/server/store/sandbox-store';
import { createTenancy } from '@atoll/server/tenancy/tenancy';
import { writePage } from './report.ts';
import { summarize } from './statistics.ts';

const SMALL = { live: 100, ended: 100 };
const LARGE = { live: 1000, ended: 10_000 };
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
function fill(db: Db, { live, ended }: typeof SMALL): Record<string, () => unknown> {
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

/** The median of each read, in milliseconds. */
function measure(size: typeof SMALL): Map<string, number> {
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
const title = ({ live, ended }: typeof SMALL): string => `${live} live, ${ended} ended (ms)`;
process.stdout.write(
  writePage('records.md', 'Reads of records', [
    `Medians of ${ROUNDS}.`,
    '',
    `| read | ${title(SMALL)} | ${title(LARGE)} | ratio |`,
    '|---|---|---|---|',
    ...rows,
  ]),
);
