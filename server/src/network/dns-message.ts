/** Reading DNS packets (RFC 1035) as far as a forwarder must: the question, and the addresses of an answer. */

export const DNS_TYPE = { A: 1, AAAA: 28 } as const;
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

/** The IPv4 addresses in the answer section; undefined where it cannot be read. */
export function answeredAddresses(response: Buffer): number[] | undefined {
  const question = response.length < HEADER_BYTES ? undefined : parseQuestion(response);
  if (question === undefined) return undefined;
  const addresses: number[] = [];
  let offset = question.end;
  for (let left = response.readUInt16BE(6); left > 0; left--) {
    const record = readRecord(response, offset);
    if (record === undefined) return undefined;
    if (record.type === DNS_TYPE.A && record.dataLength === 4)
      addresses.push(response.readUInt32BE(record.data));
    offset = record.data + record.dataLength;
  }
  return addresses;
}

/** Exactly one question, its name uncompressed: there is nothing before it that it could point to. */
function parseQuestion(packet: Buffer): DnsQuestion | undefined {
  if (packet.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let offset = HEADER_BYTES;
  for (;;) {
    const length = packet[offset];
    if (length === undefined || length > MAX_LABEL_BYTES) return undefined;
    offset += 1;
    if (length === 0) break;
    labels.push(packet.toString('latin1', offset, offset + length).toLowerCase());
    offset += length;
    if (offset - HEADER_BYTES >= MAX_NAME_BYTES) return undefined;
  }
  if (offset + 4 > packet.length) return undefined;
  const [type, recordClass] = [packet.readUInt16BE(offset), packet.readUInt16BE(offset + 2)];
  return { name: labels.join('.'), type, class: recordClass, end: offset + 4 };
}

function readRecord(
  packet: Buffer,
  start: number,
): { type: number; data: number; dataLength: number } | undefined {
  const offset = skipName(packet, start);
  if (offset === undefined || offset + 10 > packet.length) return undefined;
  const dataLength = packet.readUInt16BE(offset + 8);
  const data = offset + 10;
  if (data + dataLength > packet.length) return undefined;
  return { type: packet.readUInt16BE(offset), data, dataLength };
}

/** A pointer ends a name; where it points does not matter to who only walks past. */
function skipName(packet: Buffer, start: number): number | undefined {
  for (let offset = start; offset - start <= MAX_NAME_BYTES;) {
    const length = packet[offset];
    if (length === undefined) return undefined;
    if (length === 0) return offset + 1;
    if (length >= 0xc0) return offset + 2;
    if (length > MAX_LABEL_BYTES) return undefined;
    offset += 1 + length;
  }
  return undefined;
}

function isResponse(packet: Buffer): boolean {
  return (byteAt(packet, 2) & RESPONSE_FLAG) !== 0;
}

function byteAt(packet: Buffer, offset: number): number {
  return packet[offset] ?? 0;
}
