import type { LogicalLine } from './logical-line.ts';
import { nearestWord } from './nearest-word.ts';
import type { Word } from './word.ts';

export type MountType = 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';

/** `--mount=…` as it is written: values may still hold variables. */
export interface MountFlag {
  readonly type: MountType;
  readonly fields: ReadonlyMap<string, string>;
  readonly word: Word;
  /** How many mounts of its type come before it in the instruction. */
  readonly number: number;
}

/** Keys by type, and the one spelling that is used inside for each of their spellings. */
const common = { target: 'target', dst: 'target', destination: 'target' };
const access = { readonly: 'readonly', ro: 'readonly', readwrite: 'readwrite', rw: 'readwrite' };
const source = { source: 'source', src: 'source' };
const owner = { id: 'id', mode: 'mode', uid: 'uid', gid: 'gid' };
const keys: Readonly<Record<MountType, Readonly<Record<string, string>>>> = {
  bind: { ...common, ...access, ...source, from: 'from' },
  cache: { ...common, ...access, ...source, ...owner, from: 'from', sharing: 'sharing' },
  tmpfs: { ...common, size: 'size' },
  secret: { ...common, source: 'id', src: 'id', ...owner, required: 'required', env: 'env' },
  ssh: { ...common, ...owner, required: 'required' },
};

/** Keys that may stand without a value, which then is true. */
const switches = new Set(['readonly', 'readwrite', 'required']);

/** Reads the values of an instruction's `--mount` flags. */
export function parseMountFlags(words: readonly Word[], line: LogicalLine): MountFlag[] {
  const counts = new Map<MountType, number>();
  return words.map((word) => {
    const flag = parseMountFlag(word, line);
    const number = counts.get(flag.type) ?? 0;
    counts.set(flag.type, number + 1);
    return { ...flag, number };
  });
}

function parseMountFlag(word: Word, line: LogicalLine): Omit<MountFlag, 'number'> {
  const pairs = splitFields(word, line).map((field) => splitField(field, word, line));
  const type = typeOf(pairs, word, line);
  const fields = new Map<string, string>();
  for (const [key, value] of pairs)
    if (key !== 'type') fields.set(fieldName(key, { type, word, line }), value);
  return { type, fields, word };
}

function typeOf(pairs: readonly (readonly [string, string])[], word: Word, line: LogicalLine): MountType {
  const type = pairs.find(([key]) => key === 'type')?.[1] ?? 'bind';
  if (isMountType(type)) return type;
  const suggestion = nearestWord(type, Object.keys(keys));
  throw line.error(
    word.offset,
    `no mount type is called ${JSON.stringify(type)}`,
    suggestion ? { suggestion } : {},
  );
}

const isMountType = (type: string): type is MountType => Object.hasOwn(keys, type);

function splitField(field: string, word: Word, line: LogicalLine): readonly [string, string] {
  const equals = field.indexOf('=');
  const key = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
  if (equals >= 0) return [key, field.slice(equals + 1)];
  const isSwitch = switches.has(access[key as keyof typeof access] ?? key);
  if (isSwitch) return [key, 'true'];
  throw line.error(word.offset, `the mount field ${JSON.stringify(field)} must be key=value`);
}

function fieldName(
  key: string,
  { type, word, line }: { type: MountType; word: Word; line: LogicalLine },
): string {
  const known = keys[type];
  if (Object.hasOwn(known, key)) return known[key] ?? key;
  const suggestion = nearestWord(key, Object.keys(known));
  throw line.error(
    word.offset,
    `a ${type} mount has no field ${JSON.stringify(key)}`,
    suggestion ? { suggestion } : {},
  );
}

/** Splits at commas; a field in double quotes may hold some, and `""` in it is a quote. */
function splitFields(word: Word, line: LogicalLine): string[] {
  const fields: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let isDone = false; !isDone;) {
    const found = pattern.exec(word.text);
    if (!found) throw line.error(word.offset, 'the fields of the mount are not well quoted');
    fields.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
    isDone = found[3] === '';
  }
  return fields;
}
