import { constants } from 'node:os';

/** Whether a text names a signal: `SIGTERM`, `term`, `15` or `SIGRTMIN+3`. */
export function isSignal(text: string): boolean {
  if (/^\d{1,2}$/.test(text)) return Number(text) >= 1 && Number(text) <= MAX_SIGNAL;
  const name = text.toUpperCase().replace(/^SIG/, '');
  const [, offset] = /^RTM(?:IN\+|AX-)(\d{1,2})$/.exec(name) ?? [];
  if (offset !== undefined) return Number(offset) <= MAX_REAL_TIME_OFFSET;
  return name === 'RTMIN' || name === 'RTMAX' || Object.hasOwn(constants.signals, `SIG${name}`);
}

const MAX_SIGNAL = 64;
const MAX_REAL_TIME_OFFSET = 30;
