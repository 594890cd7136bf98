/** Reading DNS packets (RFC 1035) as far as a forwarder must: the question, and where an answer leads. */
import { formatIpv4 } from '../lib/ipv4.ts';

export const DNS_TYPE = { A: 1, CNAME: 5, AAAA: 28, SVCB: 64, HTTPS: 65 } as const;
export const DNS_CODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  notImplemented: 4,
  refused: 5,
} as const;

export type DnsCode = (typeof DNS_CODE)[keyof typeof DNS_CODE];

export interface DnsQuestion {
  /** Lower case, without the final dot; the root is the empty string. */
  name: string;
  type: number;
  class: number;
  /** Offset behind the question section. */
  end: number;
}

/** A packet of a client: a question to answer, one that is answered with a code at once, or nothing to answer. */
export type DnsQuery =
  | { kind: 'question'; question: DnsQuestion }
  | { kind: 'invalid'; code: DnsCode }
  | { kind: 'noise' };

const HEADER_BYTES = 12;
const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
const RESPONSE_FLAG = 0x80;
const OPCODE_MASK = 0x78;
const POINTER = 0xc0;
const CLASS_IN = 1;
/** Type, class, time to live and length. */
const FIXED_RECORD_BYTES = 10;
const TTL_BEFORE_DATA = 6;
/** RFC 2181, section 8. */
const MAX_TTL_SECS = 2 ** 31 - 1;
const RECURSION_DESIRED = 0x01;
const RECURSION_AVAILABLE = 0x80;

/** Reads what a client sent. Answers and fragments are noise: answering them would let two servers talk forever. */
export function parseQuery(packet: Buffer): DnsQuery {
  if (packet.length < HEADER_BYTES || isResponse(packet)) return { kind: 'noise' };
  if ((byteAt(packet, 2) & OPCODE_MASK) !== 0) return { kind: 'invalid', code: DNS_CODE.notImplemented };
  const question = parseQuestion(packet);
  return question === undefined
    ? { kind: 'invalid', code: DNS_CODE.formatError }
    : { kind: 'question', question };
}

/** Whether `response` answers `question` as it was asked under `id`. */
export function answersQuestion(response: Buffer, id: number, question: DnsQuestion): boolean {
  if (response.length < HEADER_BYTES || !isResponse(response) || response.readUInt16BE(0) !== id)
    return false;
  const asked = parseQuestion(response);
  return asked?.name === question.name && asked.type === question.type && asked.class === question.class;
}

/** An answer without records: the header, and the question as far as it could be read. */
export function emptyAnswer(query: Buffer, code: DnsCode, question?: DnsQuestion): Buffer {
  const answer = Buffer.from(query.subarray(0, question?.end ?? HEADER_BYTES));
  const flags = byteAt(query, 2) & (OPCODE_MASK | RECURSION_DESIRED);
  answer[2] = RESPONSE_FLAG | flags;
  answer[3] = RECURSION_AVAILABLE | code;
  answer.fill(0, 4, HEADER_BYTES);
  answer.writeUInt16BE(question === undefined ? 0 : 1, 4);
  return answer;
}

/** What an answer says of the name that was asked for. */
export interface DnsAnswer {
  /** The name, and those that it is another name of. */
  chain: string[];
  /** Addresses of the last name of the chain. */
  addresses: string[];
  /** Every IPv4 address in the answer section, whosever it is. */
  allAddresses: number[];
  /** How long the answer may be kept: the least that one of its records says. */
  ttlSecs: number;
}

/** Reads the answer section; undefined where it cannot be read. */
export function parseAnswer(response: Buffer): DnsAnswer | undefined {
  const question = response.length < HEADER_BYTES ? undefined : parseQuestion(response);
  const records = question && readRecords(response, question.end);
  if (question === undefined || records === undefined) return undefined;
  const chain = chainOf(question.name, records);
  const isAddress = (record: DnsRecord): boolean => record.type === DNS_TYPE.A && record.dataLength === 4;
  const addressOf = (record: DnsRecord): number => response.readUInt32BE(record.data);
  return {
    chain,
    addresses: records
      .filter((record) => isAddress(record) && chain.at(-1) === record.owner)
      .map((record) => formatIpv4(addressOf(record))),
    allAddresses: records.filter(isAddress).map(addressOf),
    ttlSecs: Math.min(MAX_TTL_SECS, ...records.map(({ ttlSecs }) => ttlSecs)),
  };
}

/** A copy in which no record of the answer section may be kept for longer. */
export function withTtlAtMost(response: Buffer, maxSecs: number): Buffer {
  const copy = Buffer.from(response);
  const question = parseQuestion(response);
  for (const { data, ttlSecs } of (question && readRecords(response, question.end)) ?? [])
    if (ttlSecs > maxSecs) copy.writeUInt32BE(maxSecs, data - TTL_BEFORE_DATA);
  return copy;
}

/** A question for the IPv4 addresses of a name of letters, digits, `-`, `_` and dots. */
export function buildQuery(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(`\0${label}`, 'latin1'));
  for (const label of labels) label[0] = label.length - 1;
  const header = Buffer.from([0, 0, RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, DNS_TYPE.A, 0, CLASS_IN])]);
}

/** The code of a response. */
export const codeOf = (response: Buffer): number => byteAt(response, 3) & 0x0f;

interface DnsRecord {
  owner: string;
  type: number;
  ttlSecs: number;
  data: number;
  dataLength: number;
  /** Where a CNAME leads. */
  target?: string;
}

/** Each name that is another name of the one before; records may come in any order. */
function chainOf(name: string, records: readonly DnsRecord[]): string[] {
  const targets = new Map(records.map(({ owner, target }) => [owner, target]));
  const chain = [name];
  for (let next = targets.get(name); next !== undefined && !chain.includes(next); next = targets.get(next))
    chain.push(next);
  return chain;
}

function readRecords(response: Buffer, start: number): DnsRecord[] | undefined {
  const records: DnsRecord[] = [];
  let offset = start;
  for (let left = response.readUInt16BE(6); left > 0; left--) {
    const record = readRecord(response, offset);
    if (record === undefined) return undefined;
    records.push(record);
    offset = record.data + record.dataLength;
  }
  return records;
}

/** Exactly one question, its name uncompressed: there is nothing before it that it could point to. */
function parseQuestion(packet: Buffer): DnsQuestion | undefined {
  if (packet.readUInt16BE(4) !== 1) return undefined;
  const read = readName(packet, HEADER_BYTES);
  if (read === undefined || read.isCompressed || read.end + 4 > packet.length) return undefined;
  const { name, end } = read;
  return { name, type: packet.readUInt16BE(end), class: packet.readUInt16BE(end + 2), end: end + 4 };
}

function readRecord(packet: Buffer, start: number): DnsRecord | undefined {
  const owner = readName(packet, start);
  if (owner === undefined || owner.end + FIXED_RECORD_BYTES > packet.length) return undefined;
  const type = packet.readUInt16BE(owner.end);
  const dataLength = packet.readUInt16BE(owner.end + 8);
  const data = owner.end + FIXED_RECORD_BYTES;
  if (data + dataLength > packet.length) return undefined;
  const record = {
    owner: owner.name,
    type,
    ttlSecs: packet.readUInt32BE(data - TTL_BEFORE_DATA),
    data,
    dataLength,
  };
  if (type !== DNS_TYPE.CNAME) return record;
  const target = readName(packet, data);
  return target && { ...record, target: target.name };
}

interface ReadName {
  name: string;
  /** Offset behind the name where it stands; what a pointer leads to is elsewhere. */
  end: number;
  isCompressed: boolean;
}

/**
 * Walks a name, pointers included. They may only lead backwards, so no packet makes it walk forever. A label with a dot
 * in it would read as two, and rules for names would take it for another name: no such name is read.
 */
function readName(packet: Buffer, start: number): ReadName | undefined {
  const labels: string[] = [];
  let end: number | undefined;
  let nameBytes = 0;
  let from = start;
  for (let offset = start; ;) {
    const length = packet[offset];
    if (length === undefined) return undefined;
    if (length === 0)
      return { name: labels.join('.'), end: end ?? offset + 1, isCompressed: end !== undefined };
    if (length >= POINTER) {
      end ??= offset + 2;
      const target = ((length & 0x3f) << 8) | byteAt(packet, offset + 1);
      if (target >= from || target < HEADER_BYTES || end > packet.length) return undefined;
      from = target;
      offset = target;
      continue;
    }
    nameBytes += 1 + length;
    if (length > MAX_LABEL_BYTES || nameBytes >= MAX_NAME_BYTES || offset + length >= packet.length)
      return undefined;
    const label = packet.toString('latin1', offset + 1, offset + 1 + length).toLowerCase();
    if (label.includes('.')) return undefined;
    labels.push(label);
    offset += 1 + length;
  }
}

function isResponse(packet: Buffer): boolean {
  return (byteAt(packet, 2) & RESPONSE_FLAG) !== 0;
}

function byteAt(packet: Buffer, offset: number): number {
  return packet[offset] ?? 0;
}
