/**
 * `node bench/crowd.ts`: one workspace asks for far more than the machine can do. What the others notice of it, what it is
 * told, and what the server has become after it.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdminClient, SandboxClient } from '@atoll/sdk';
import { writePage } from './report.ts';
import { timed } from './scenario.ts';
import { startServerProcess } from './server-process.ts';
import { summarize } from './statistics.ts';

/** More than a workspace may have at once. */
const FLOOD = 1_200;
const ROUNDS = 5;
/** Until the refusals are in and the first of the flood start. */
const FLOOD_SETTLES_MS = 5_000;
const ENDS_AT_ONCE = 16;

/** How a create of the flood was refused. */
interface Refusal {
  status: number;
  code: string;
  saysWhen: boolean;
}

const dataDir = mkdtempSync(join(tmpdir(), 'atoll-crowd-'));
const server = await startServerProcess(dataDir, 2);
try {
  process.stdout.write(await measure());
} finally {
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

async function measure(): Promise<string> {
  const modest = await modestClient();
  await lives(modest); // images are imported, layers unpacked
  const alone = await lives(modest);
  const beforeMb = server.residentMb();
  const flood = startFlood();
  await sleep(FLOOD_SETTLES_MS);
  const beside = await lives(modest);
  const floodMb = server.residentMb();
  await flood.end();
  const row = (what: string, one: Lives, other: Lives, of: keyof Lives): string =>
    `| ${what} | ${one[of].toFixed(0)} | ${other[of].toFixed(0)} | ${(other[of] / one[of]).toFixed(1)} |`;
  return writePage('crowd.md', 'A crowd', [
    `One workspace asks for ${FLOOD} sandboxes at once; another one goes on with its own, ${ROUNDS} times one after the other. Medians.`,
    '',
    '| of the other workspace | alone (ms) | beside the crowd (ms) | ratio |',
    '|---|---|---|---|',
    row('create', alone, beside, 'createMs'),
    row('command', alone, beside, 'commandMs'),
    '',
    ...told(flood.refusals),
    `Memory of the server: ${beforeMb} MB before, ${floodMb} MB with the crowd waiting.`,
  ]);
}

interface Lives {
  createMs: number;
  commandMs: number;
}

async function lives(client: SandboxClient): Promise<Lives> {
  const creates: number[] = [];
  const commands: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const name = `modest-${round}`;
    creates.push(await timed(() => client.create({ name })));
    const sandbox = await client.connect(name);
    commands.push(await timed(() => sandbox.run('/bin/true')));
    await client.delete(name);
  }
  return { createMs: summarize(creates).median, commandMs: summarize(commands).median };
}

/** Of a workspace of an account of its own. */
async function modestClient(): Promise<SandboxClient> {
  const admin = new AdminClient({ apiUrl: server.url, apiKey: adminKey() });
  const account = { name: 'modest', workspace: 'modest', ownerName: 'modest' };
  const { apiKey } = await admin.createAccount(account);
  return new SandboxClient({ apiUrl: server.url, apiKey });
}

function startFlood() {
  const refusals: Refusal[] = [];
  const cut = new AbortController();
  const create = async (): Promise<void> => {
    const answer = await fetch(`${server.url}/sandboxes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey()}`, 'content-type': 'application/json' },
      body: '{}',
      signal: cut.signal,
    });
    const { code = '' } = (await answer.json()) as { code?: string };
    if (answer.ok) return;
    refusals.push({ status: answer.status, code, saysWhen: answer.headers.has('retry-after') });
  };
  const creates = Array.from({ length: FLOOD }, () => create().catch(() => {})); // cut at the end
  const end = async (): Promise<void> => {
    cut.abort();
    await Promise.all(creates);
    const left = await server.client.list();
    const lane = async (): Promise<void> => {
      for (let one = left.pop(); one !== undefined; one = left.pop())
        await server.client.delete(one.sandboxId);
    };
    await Promise.all(Array.from({ length: ENDS_AT_ONCE }, lane));
  };
  return { refusals, end };
}

function told(refusals: readonly Refusal[]): string[] {
  const kinds = Map.groupBy(refusals, ({ status, code }) => `${status} \`${code}\``);
  const silent = refusals.filter(({ saysWhen }) => !saysWhen).length;
  const counts = [...kinds].map(([kind, found]) => `${found.length} × ${kind}`);
  return [
    `Refused of the crowd: ${counts.join(', ') || 'none'}; without \`Retry-After\`: ${silent}. The rest waited for its turn.`,
  ];
}

function adminKey(): string {
  return readFileSync(join(dataDir, 'admin-key'), 'utf8').trim();
}
