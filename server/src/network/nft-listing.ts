import { z } from 'zod';
import { CommandError, run } from '../lib/run.ts';

/** Reading what the kernel holds of a table: sets and maps with their elements. */
const NFT_TIMEOUT_MS = 20_000;

const counter = z.object({ packets: z.number(), bytes: z.number() });
const plain = z.union([z.string(), z.number()]);
const key = z.union([plain, z.object({ concat: z.array(plain) })]);
const wrapped = z.object({
  elem: z.object({
    val: key,
    /** Seconds. */
    timeout: z.number().optional(),
    expires: z.number().optional(),
    counter: counter.optional(),
  }),
});
const named = z.object({ name: z.string(), elem: z.array(z.unknown()).optional() });
const listing = z.object({
  nftables: z.array(z.object({ set: named.optional(), map: named.optional() })),
});

export interface NftElement {
  /** The parts of the key. */
  key: (string | number)[];
  expiresInSecs?: number;
  packets: number;
  bytes: number;
}

/** What a table has in its sets and maps, as they were at one moment. */
export interface NftTable {
  /** The elements of a set; none where it does not exist. */
  set(name: string): NftElement[];
  /** A map of plain values; empty where it does not exist. */
  map(name: string): Map<string, number>;
}

/** The elements of a set; none where table or set do not exist. */
export async function readSet(table: string, set: string): Promise<NftElement[]> {
  return tableOf(await list(['set', 'inet', table, set])).set(set);
}

/** All sets and maps of a table by one call; none where it does not exist. */
export const readTable = async (table: string): Promise<NftTable> =>
  tableOf(await list(['table', 'inet', table]));

function tableOf(listed: unknown): NftTable {
  const entries = listed === undefined ? [] : listing.parse(listed).nftables;
  const elementsOf = (kind: 'set' | 'map', name: string): unknown[] =>
    entries.flatMap((entry) => (entry[kind]?.name === name ? (entry[kind].elem ?? []) : []));
  return {
    set: (name) => elementsOf('set', name).flatMap(toElement),
    map: (name) => new Map(elementsOf('map', name).flatMap(toPair)),
  };
}

const pair = z.tuple([z.string(), z.number()]);

function toPair(raw: unknown): [string, number][] {
  const parsed = pair.safeParse(raw);
  return parsed.success ? [parsed.data] : [];
}

function toElement(raw: unknown): NftElement[] {
  const bare = key.safeParse(raw);
  if (bare.success) return [{ key: partsOf(bare.data), packets: 0, bytes: 0 }];
  const full = wrapped.safeParse(raw);
  if (!full.success) return [];
  const { val, expires, counter: counted } = full.data.elem;
  return [
    {
      key: partsOf(val),
      packets: counted?.packets ?? 0,
      bytes: counted?.bytes ?? 0,
      ...(expires !== undefined && { expiresInSecs: expires }),
    },
  ];
}

const partsOf = (value: z.output<typeof key>): (string | number)[] =>
  typeof value === 'object' ? value.concat : [value];

async function list(what: readonly string[]): Promise<unknown> {
  try {
    const { stdout } = await run(['nft', '-j', 'list', ...what], { timeoutMs: NFT_TIMEOUT_MS });
    return JSON.parse(stdout);
  } catch (error) {
    if (error instanceof CommandError && error.stderr.includes('No such file or directory')) return undefined;
    throw error;
  }
}
