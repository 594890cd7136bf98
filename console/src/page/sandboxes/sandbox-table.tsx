import { memo, useDeferredValue } from 'react';
import type { SandboxInfo } from '@atoll/sdk';
import { useUsage } from '../../live/use-usage.ts';
import type { Use } from '../../live/usage-store.ts';
import { Link } from '../../router.tsx';
import { formatBytes, formatDuration, formatMb, formatTime } from '../../ui/format.ts';
import { Status } from '../../ui/status.tsx';
import { NARROW, useMedia } from '../../ui/use-media.ts';
import { useNow } from '../../ui/use-now.ts';
import { useWindowOfRows } from '../../ui/use-window-of-rows.ts';

interface Props {
  sandboxes: readonly SandboxInfo[];
  selected: ReadonlySet<string>;
  /** Takes what the selection becomes from what it is: rows are drawn seldom, and know an old one. Absent: nothing can be selected. */
  onSelect: ((change: (was: ReadonlySet<string>) => ReadonlySet<string>) => void) | undefined;
}

const ROW_PX = 40;
const NARROW_ROW_PX = 68;

/** One row for each sandbox; of many, only those that are seen are drawn. */
export const SandboxTable = memo(function SandboxTable({ sandboxes, selected, onSelect }: Props) {
  const rowPx = useMedia(NARROW) ? NARROW_ROW_PX : ROW_PX;
  const rows = useWindowOfRows(sandboxes.length, rowPx);
  const now = useDeferredValue(useNow());
  const uses = useUsage();
  const toggle = (id: string): void => onSelect?.((was) => was.symmetricDifference(new Set([id])));
  return (
    <div
      className="table-scroll"
      ref={rows.scroller}
      onScroll={rows.onScroll}
      tabIndex={0}
      role="region"
      aria-label="Sandboxes"
    >
      <table className="table sandbox-table" aria-rowcount={sandboxes.length + 1}>
        <Head sandboxes={sandboxes} selected={selected} onSelect={onSelect} />
        <tbody>
          {rows.beforePx > 0 && <tr aria-hidden="true" style={{ height: rows.beforePx }} />}
          {sandboxes.slice(rows.first, rows.last).map((sandbox) => (
            <Row
              key={sandbox.sandboxId}
              sandbox={sandbox}
              use={uses.get(sandbox.sandboxId)}
              now={now}
              isSelected={selected.has(sandbox.sandboxId)}
              onToggle={onSelect && toggle}
            />
          ))}
          {rows.afterPx > 0 && <tr aria-hidden="true" style={{ height: rows.afterPx }} />}
        </tbody>
      </table>
    </div>
  );
});

function Head({ sandboxes, selected, onSelect }: Props) {
  const all = new Set(sandboxes.map(({ sandboxId }) => sandboxId));
  const hasAll = all.isSubsetOf(selected);
  return (
    <thead>
      <tr>
        {onSelect !== undefined && (
          <th className="pick">
            <input
              type="checkbox"
              aria-label="Select all that are listed"
              checked={hasAll}
              onChange={() => onSelect(() => (hasAll ? new Set() : all))}
            />
          </th>
        )}
        <th scope="col" className="main-head">
          Name
        </th>
        <th scope="col" className="status-head">
          Status
        </th>
        <th scope="col" className="image-head">
          Image
        </th>
        <th scope="col" className="cpu-head">
          CPU
        </th>
        <th scope="col" className="size-head">
          Memory
        </th>
        <th scope="col" className="idle-head">
          Idle
        </th>
        <th scope="col" className="age-head">
          Age
        </th>
      </tr>
    </thead>
  );
}

interface RowProps {
  sandbox: SandboxInfo;
  /** Absent where it does not run. */
  use: Use | undefined;
  now: number;
  isSelected: boolean;
  onToggle: ((id: string) => void) | undefined;
}

const Row = memo(
  function Row({ sandbox, use, now, isSelected, onToggle }: RowProps) {
    const { sandboxId, name, status, image, resources, createdAt, timeoutSecs } = sandbox;
    return (
      <tr className="sandbox-row" data-selected={isSelected}>
        {onToggle !== undefined && (
          <td className="pick">
            <input
              type="checkbox"
              aria-label={`Select ${name ?? sandboxId}`}
              checked={isSelected}
              onChange={() => onToggle(sandboxId)}
            />
          </td>
        )}
        <td className="main-cell">
          <Link to={`/sandbox/${sandboxId}`}>{name ?? <code>{sandboxId}</code>}</Link>
          {name !== undefined && <code className="dim id">{sandboxId}</code>}
        </td>
        <td className="status-cell">
          <Status of={status} />
        </td>
        <td className="image-cell" title={image}>
          {image}
        </td>
        <td className="cpu-cell">
          <Part used={use?.cpus?.toFixed(2)} limit={String(resources.cpus)} />
        </td>
        <td className="size-cell">
          <Part used={use && formatBytes(use.memoryBytes)} limit={formatMb(resources.memoryMb)} />
        </td>
        <td className="idle-cell">{idleClock(status, use, now, timeoutSecs)}</td>
        <td className="age-cell" title={createdAt && formatTime(createdAt)}>
          {createdAt && formatDuration(Math.max(0, now - createdAt.getTime()))}
        </td>
      </tr>
    );
  },
  (was, is) =>
    was.sandbox === is.sandbox &&
    was.use === is.use &&
    was.now === is.now &&
    was.isSelected === is.isSelected &&
    (was.onToggle === undefined) === (is.onToggle === undefined),
);

/** What is used of a limit; the limit alone where nothing is known. */
const Part = ({ used, limit }: { used: string | undefined; limit: string }) => (
  <span>
    {used} <span className="dim">{used === undefined ? limit : `of ${limit}`}</span>
  </span>
);

/** How long nobody has used it, and after how long of that it suspends or ends. */
function idleClock(status: string, use: Use | undefined, now: number, timeoutSecs: number | undefined) {
  if (status !== 'running' || use === undefined) return null;
  const idle = use.idleSince === undefined ? 'in use' : formatDuration(Math.max(0, now - use.idleSince));
  return timeoutSecs ? <Part used={idle} limit={formatDuration(timeoutSecs * 1000)} /> : idle;
}
