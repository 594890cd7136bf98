import { parseCommandForm, requireText } from './argument.ts';
import type { ArgumentContext } from './argument.ts';
import { parseDurationMs } from './duration.ts';
import type { HealthcheckInstruction, HealthTiming } from './instruction.ts';
import { splitPlainly } from './word.ts';
import type { Word } from './word.ts';

/** Reads `HEALTHCHECK [flags] CMD command` or `HEALTHCHECK NONE`. */
export function parseHealthcheck(context: ArgumentContext): HealthcheckInstruction {
  const rest = requireText(context);
  const [type = rest] = splitPlainly(rest);
  const start = /^\S+\s*/.exec(rest.text)?.[0].length ?? 0;
  const command = { text: rest.text.slice(start), offset: rest.offset + start };
  const place = { kind: 'healthcheck' as const, ...context.place };
  const name = type.text.toUpperCase();
  if (name === 'NONE') return { ...place, timing: requireNothing(command, context) };
  if (name !== 'CMD')
    throw context.place.line.error(type.offset, `HEALTHCHECK has no form ${JSON.stringify(type.text)}`, {
      suggestion: 'CMD',
    });
  if (command.text === '') throw context.place.line.error(type.offset, 'HEALTHCHECK CMD needs a command');
  return { ...place, command: parseCommandForm(command, context), timing: parseTiming(context) };
}

function requireNothing(command: Word, { place }: ArgumentContext): HealthTiming {
  if (command.text !== '') throw place.line.error(command.offset, 'HEALTHCHECK NONE takes no arguments');
  return {};
}

function parseTiming(context: ArgumentContext): HealthTiming {
  const times = {
    intervalMs: parseTime('interval', context),
    timeoutMs: parseTime('timeout', context),
    startPeriodMs: parseTime('start-period', context),
    startIntervalMs: parseTime('start-interval', context),
    retries: parseRetries(context),
  };
  return Object.fromEntries(Object.entries(times).filter(([, value]) => value !== undefined));
}

function parseTime(flag: string, { flags, place }: ArgumentContext): number | undefined {
  const word = flags.text(flag);
  if (!word) return undefined;
  const durationMs = parseDurationMs(word.text);
  if (durationMs === undefined) {
    throw place.line.error(word.offset, `--${flag} is no duration: ${word.text}`, {
      hint: 'Write it like 30s or 1m30s.',
    });
  }
  if (durationMs !== 0 && durationMs < 1) throw place.line.error(word.offset, `--${flag} is less than 1ms`);
  return durationMs;
}

function parseRetries({ flags, place }: ArgumentContext): number | undefined {
  const word = flags.text('retries');
  if (!word) return undefined;
  if (!/^\d{1,9}$/.test(word.text))
    throw place.line.error(word.offset, `--retries is no number of retries: ${word.text}`);
  return Number(word.text);
}
