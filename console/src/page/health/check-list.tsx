import type { ServerCheck } from '@atoll/sdk';
import { Status } from '../../ui/status.tsx';

const order = ['fail', 'warn', 'ok'] as const;
const words = { fail: 'failed', warn: 'to look at', ok: 'ok' } as const;

/** How many checks came out how. */
export const summaryOf = (checks: readonly ServerCheck[]): string =>
  order
    .map((status) => ({ status, count: checks.filter((check) => check.status === status).length }))
    .filter(({ count }) => count > 0)
    .map(({ status, count }) => `${count} ${words[status]}`)
    .join(', ');

/** Each check with what it found and what to do next, worst first. */
export const CheckList = ({ checks }: { checks: readonly ServerCheck[] }) => (
  <ul className="checks">
    {checks
      .toSorted((one, two) => order.indexOf(one.status) - order.indexOf(two.status))
      .map(({ id, title, status, detail, fix }) => (
        <li key={id}>
          <Status of={words[status]} />
          <strong>{title}</strong>
          <div>
            {detail}
            {fix !== undefined && <p className="dim">Next: {fix}</p>}
          </div>
        </li>
      ))}
  </ul>
);
