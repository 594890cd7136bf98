import { SandboxError } from '../errors.ts';

/** Names of keys, in lower case, and their X11 symbols. */
const namedKeys: Readonly<Record<string, number>> = {
  backspace: 0xff08,
  tab: 0xff09,
  enter: 0xff0d,
  return: 0xff0d,
  escape: 0xff1b,
  esc: 0xff1b,
  space: 0x20,
  home: 0xff50,
  left: 0xff51,
  arrowleft: 0xff51,
  up: 0xff52,
  arrowup: 0xff52,
  right: 0xff53,
  arrowright: 0xff53,
  down: 0xff54,
  arrowdown: 0xff54,
  pageup: 0xff55,
  page_up: 0xff55,
  pagedown: 0xff56,
  page_down: 0xff56,
  end: 0xff57,
  insert: 0xff63,
  menu: 0xff67,
  shift: 0xffe1,
  control: 0xffe3,
  ctrl: 0xffe3,
  capslock: 0xffe5,
  meta: 0xffe7,
  alt: 0xffe9,
  option: 0xffe9,
  super: 0xffeb,
  cmd: 0xffeb,
  command: 0xffeb,
  win: 0xffeb,
  delete: 0xffff,
  del: 0xffff,
};

const F1 = 0xffbe;
const UNICODE = 0x01000000;

/** The symbol of a key by its name (`enter`, `ctrl`, `f5`), or of a character. */
export function keysymOf(key: string): number {
  if ([...key].length === 1) return keysymOfCharacter(key);
  const name = key.trim().toLowerCase();
  if (Object.hasOwn(namedKeys, name)) return namedKeys[name] ?? 0;
  const [, number] = /^f([1-9]|1[0-2])$/.exec(name) ?? [];
  if (number !== undefined) return F1 + Number(number) - 1;
  throw new SandboxError(`no key is called ${JSON.stringify(key)}`, {
    hint: `Use a character, f1 to f12, or one of: ${Object.keys(namedKeys).join(', ')}.`,
  });
}

/** Latin-1 has its own code points, all else Unicode's with a mark (X Window System Protocol, appendix A). */
export function keysymOfCharacter(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (character === '\n' || character === '\r') return 0xff0d;
  if (character === '\t') return 0xff09;
  if (character === '\b') return 0xff08;
  if ((code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xff)) return code;
  if (code > 0xff) return UNICODE | code;
  throw new SandboxError(`no key types the control character ${code}`);
}
