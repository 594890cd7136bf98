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
const setListing = z.object({
  nftables: z.array(z.object({ set: z.object({ elem: z.array(z.unknown()).optional() }).optional() })),
});
const mapListing = z.object({
  nftables: z.array(z.object({ map: z.object({ elem: z.array(z.unknown()).optional() }).optional() })),
});

export interface NftElement {
  /** The parts of the key. */
  key: (string | number)[];
  expiresInSecs?: number;
  packets: number;
  bytes: number;
}

/** The elements of a set; none where table or set do not exist. */
export async function readSet(table: string, set: string): Promise<NftElement[]> {
  const listed = await list(['set', 'inet', table, set]);
  if (listed === undefined) return [];
  const elements = setListing.parse(listed).nftables.flatMap((entry) => entry.set?.elem ?? []);
  return elements.flatMap(toElement);
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

/** A map of plain values; empty where it does not exist. */
export async function readMap(table: string, map: string): Promise<Map<string, number>> {
  const listed = await list(['map', 'inet', table, map]);
  const pair = z.tuple([z.string(), z.number()]);
  const elements =
    listed === undefined ? [] : mapListing.parse(listed).nftables.flatMap((entry) => entry.map?.elem ?? []);
  return new Map(
    elements.flatMap((raw) => {
      const parsed = pair.safeParse(raw);
      return parsed.success ? [parsed.data] : [];
    }),
  );
}

async function list(what: readonly string[]): Promise<unknown> {
  try {
    const { stdout } = await run(['nft', '-j', 'list', ...what], { timeoutMs: NFT_TIMEOUT_MS });
    return JSON.parse(stdout);
  } catch (error) {
    if (error instanceof CommandError && error.stderr.includes('No such file or directory')) return undefined;
    throw error;
  }
}
