import { domainToASCII } from 'node:url';
import { isIPv6 } from 'node:net';
import { ApiError } from '@atoll/protocol/errors';
import { parseIpv4Range } from '../lib/ipv4.ts';
import type { Ipv4Range } from '../lib/ipv4.ts';

/** One entry of `allow_out` or `deny_out` (tensorlake wire 1.4.3). */
export type Destination =
  | { kind: 'range'; range: Ipv4Range }
  | { kind: 'host'; name: string }
  /** Every name below `domain`, at any depth, but not `domain` itself. */
  | { kind: 'wildcard'; domain: string };

const MAX_NAME_LENGTH = 253;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** As `parseIpv4Range`, but without leading zeros, which some programs read as octal. */
const RANGE = /^(0|[1-9]\d*)(\.(0|[1-9]\d*)){3}(\/(0|[1-9]\d*))?$/;
const HINT = 'Use an IPv4 address, an IPv4 range such as 10.0.0.0/8, a host name, or *.example.com.';

/** Reads an entry; throws `invalid_network` that says what is wrong with it. */
export function parseDestination(text: string): Destination {
  if (/^[\d./]+$/.test(text)) return parseRange(text);
  if (isIPv6(text.split('/')[0] ?? '')) throw refusal(text, 'sandboxes have no IPv6');
  if (text.includes('/')) throw refusal(text, 'it is neither a range nor a name; leave scheme and path out');
  if (text.includes(':')) throw refusal(text, 'rules have no ports');
  if (!text.startsWith('*')) return { kind: 'host', name: parseName(text, text) };
  if (!text.startsWith('*.')) throw refusal(text, 'a wildcard is the whole first label, as in *.example.com');
  return { kind: 'wildcard', domain: parseName(text, text.slice('*.'.length)) };
}

function parseRange(text: string): Destination {
  const range = RANGE.test(text) ? parseIpv4Range(text) : undefined;
  if (range === undefined) throw refusal(text, 'it is no IPv4 address or range');
  return { kind: 'range', range };
}

/** Lower case, in the ASCII form of international names, without the final dot: as names come in questions. */
function parseName(entry: string, given: string): string {
  // What reads the name drops line breaks and decodes percent signs.
  const name = /[\s%]/.test(given) ? '' : domainToASCII(given.replace(/\.$/, ''));
  const labels = name.split('.');
  const isName = name.length <= MAX_NAME_LENGTH && labels.every((label) => LABEL.test(label));
  // The parser of URLs takes 1.2.3 and 0x7f.1 for addresses, and so do some programs.
  if (!isName || /^(\d+|0x[\da-f]*)$/.test(labels.at(-1) ?? '')) throw refusal(entry, 'it is no host name');
  return name;
}

function refusal(entry: string, why: string): ApiError {
  return new ApiError('invalid_network', `${JSON.stringify(entry.slice(0, 300))} is no destination: ${why}`, {
    hint: HINT,
  });
}

/** Whether a name of a question (lower case, without the final dot) is one of those that a rule means. */
export function matchesName(destination: Destination, name: string): boolean {
  if (destination.kind === 'host') return name === destination.name;
  return destination.kind === 'wildcard' && name.endsWith(`.${destination.domain}`);
}
