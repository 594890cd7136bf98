/** Which minutes, hours, days of the month, months and days of the week an expression names. */
interface CronTimes {
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  daysOfMonth: ReadonlySet<number>;
  months: ReadonlySet<number>;
  daysOfWeek: ReadonlySet<number>;
  /** Where both kinds of days are named, either will do: that is how cron has always read them. */
  eitherDay: boolean;
}

const fields = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of the month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12 },
  { name: 'day of the week', min: 0, max: 7 },
] as const;
type Field = (typeof fields)[number];

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const macros: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const MINUTE_MS = 60_000;
/** The 29th of February comes back within eight years. */
const MAX_YEARS = 9;

/** The first moment after `after` that an expression names, in UTC; undefined where it names none. Throws `RangeError` for what is no expression. */
export function nextCronTime(expression: string, after: number): number | undefined {
  const times = parseCron(expression);
  const at = new Date(Math.floor(after / MINUTE_MS) * MINUTE_MS + MINUTE_MS);
  const lastYear = at.getUTCFullYear() + MAX_YEARS;
  while (at.getUTCFullYear() <= lastYear) {
    if (!times.months.has(at.getUTCMonth() + 1)) {
      at.setUTCMonth(at.getUTCMonth() + 1, 1);
      at.setUTCHours(0, 0);
    } else if (!isDay(times, at)) {
      at.setUTCDate(at.getUTCDate() + 1);
      at.setUTCHours(0, 0);
    } else if (!times.hours.has(at.getUTCHours())) at.setUTCHours(at.getUTCHours() + 1, 0);
    else if (!times.minutes.has(at.getUTCMinutes())) at.setUTCMinutes(at.getUTCMinutes() + 1);
    else return at.getTime();
  }
  return undefined;
}

function isDay({ daysOfMonth, daysOfWeek, eitherDay }: CronTimes, at: Date): boolean {
  const [byMonth, byWeek] = [daysOfMonth.has(at.getUTCDate()), daysOfWeek.has(at.getUTCDay())];
  return eitherDay ? byMonth || byWeek : byMonth && byWeek;
}

export function parseCron(expression: string): CronTimes {
  const text = expression.trim().toLowerCase();
  const parts = (macros[text] ?? text).split(/\s+/);
  if (parts.length !== fields.length) throw new RangeError('a cron expression has five fields');
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = fields.map((field, index) =>
    parseField(parts[index] ?? '', field),
  ) as [Set<number>, Set<number>, Set<number>, Set<number>, Set<number>]; // one for each field
  if (daysOfWeek.has(7)) daysOfWeek.add(0);
  const isNamed = (part: string | undefined): boolean => part?.startsWith('*') !== true && part !== '?';
  return {
    minutes,
    hours,
    daysOfMonth,
    months,
    daysOfWeek,
    eitherDay: isNamed(parts[2]) && isNamed(parts[4]),
  };
}

function parseField(text: string, field: Field): Set<number> {
  return new Set(text.split(',').flatMap((part) => parseRange(part, field)));
}

/** `*`, `5`, `5-9`, and each with `/2`. */
function parseRange(part: string, field: Field): number[] {
  const [, range = '', step] = /^([^/]+)(?:\/(\d{1,4}))?$/.exec(part) ?? [];
  const every = step === undefined ? 1 : Number(step);
  const [from, to = step === undefined ? from : String(field.max)] =
    range === '*' || range === '?' ? [String(field.min), String(field.max)] : range.split('-', 2);
  const [first, last] = [valueOf(from, field), valueOf(to, field)];
  if (range.split('-').length > 2 || every < 1 || first > last) throw wrong(part, field);
  return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, index) => first + index * every);
}

function valueOf(text: string | undefined, field: Field): number {
  const names = field.name === 'month' ? monthNames : field.name === 'day of the week' ? dayNames : [];
  const named = names.indexOf(text ?? '');
  if (named >= 0) return named + (field.name === 'month' ? 1 : 0);
  const value = /^\d{1,2}$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (!(value >= field.min && value <= field.max)) throw wrong(text ?? '', field);
  return value;
}

const wrong = (part: string, { name }: Field): RangeError =>
  new RangeError(`${JSON.stringify(part.slice(0, 40))} is no ${name}`);
