import { buildQuery, codeOf, DNS_CODE, parseAnswer, parseQuery } from './dns-message.ts';
import type { DnsUpstream } from './dns-upstream.ts';

/** The addresses of names that rules mean, as the server itself finds them. */
export interface HostLookup {
  /** From memory while the answer holds. Undefined where the name has no IPv4 address or nobody answers. */
  find(name: string): Promise<HostAnswer | undefined>;
}

export interface HostAnswer {
  addresses: string[];
  untilMs: number;
}

/** Between two questions for one name, whatever its answer says. */
const MIN_HOLD_MS = 10_000;
const MAX_HOLD_MS = 3_600_000;
const MAX_REMEMBERED = 4_096;

/** Asks once for all who want the same name at the same time. Failures are not remembered. */
export function createHostLookup(upstream: DnsUpstream): HostLookup {
  const known = new Map<string, HostAnswer>();
  const underWay = new Map<string, Promise<HostAnswer | undefined>>();

  const ask = async (name: string): Promise<HostAnswer | undefined> => {
    const found = await askFor(upstream, name);
    if (found === undefined) return undefined;
    const [oldest] = known.keys();
    if (known.size >= MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
    known.set(name, found);
    return found;
  };

  return {
    find(name) {
      const remembered = known.get(name);
      if (remembered !== undefined && remembered.untilMs > Date.now()) return Promise.resolve(remembered);
      known.delete(name);
      const asking = underWay.get(name) ?? ask(name).finally(() => underWay.delete(name));
      underWay.set(name, asking);
      return asking;
    },
  };
}

/** What does not fit into a packet is asked for again over a connection. */
async function askFor(upstream: DnsUpstream, name: string): Promise<HostAnswer | undefined> {
  const query = buildQuery(name);
  const parsed = parseQuery(query);
  if (parsed.kind !== 'question') return undefined;
  const short = await upstream.ask(query, parsed.question, 'udp');
  const response =
    short !== undefined && isTruncated(short) ? await upstream.ask(query, parsed.question, 'tcp') : short;
  if (response === undefined || codeOf(response) !== DNS_CODE.noError) return undefined;
  const answer = parseAnswer(response);
  if (answer === undefined || answer.addresses.length === 0) return undefined;
  const holdMs = Math.min(MAX_HOLD_MS, Math.max(MIN_HOLD_MS, answer.ttlSecs * 1000));
  return { addresses: answer.addresses, untilMs: Date.now() + holdMs };
}

const isTruncated = (response: Buffer): boolean => ((response[2] ?? 0) & 0x02) !== 0;
