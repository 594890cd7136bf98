import { useState } from 'react';
import { allPages } from '@atoll/sdk';
import type { AuditEntry } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { useQuery } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { formatTime } from '../../ui/format.ts';
import { saveFile } from '../../ui/save-file.ts';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';

const PAGE_SIZE = 200;
const EXPORT_PAGE_SIZE = 1000;

/** The pages behind the first one, and what they were filtered by. */
interface Older {
  text: string;
  entries: AuditEntry[];
  nextCursor?: number;
}

/** Who changed what, from where, and how it went. */
export function AuditTab() {
  const { clients, identity } = useConsole();
  const [query, setQuery] = useQuery();
  const text = query.get('q') ?? '';
  const [older, setOlder] = useState<Older>();
  const first = useLoad(`audit ${text}`, (signal) =>
    clients.admin.listAudit({ limit: PAGE_SIZE, text }, { signal }),
  );
  const shown = older?.text === text ? older : undefined;
  const cursor = shown === undefined ? first.value?.nextCursor : shown.nextCursor;
  const more = useAction(async () => {
    if (cursor === undefined) return;
    const page = await clients.admin.listAudit({ limit: PAGE_SIZE, cursor, text });
    setOlder({ ...page, text, entries: [...(shown?.entries ?? []), ...page.entries] });
  });
  const exporting = useAction(async () => {
    const load = (next?: number) => clients.admin.listAudit({ limit: EXPORT_PAGE_SIZE, cursor: next, text });
    const all = await allPages(load, ({ entries }) => entries);
    saveFile(new Blob([JSON.stringify(all, undefined, 2)]), `audit-${identity.workspace.name}.json`);
  });
  const entries = [...(first.value?.entries ?? []), ...(shown?.entries ?? [])];
  const failure = first.error ?? more.error ?? exporting.error;
  return (
    <div className="overview">
      <div className="row">
        <input
          type="search"
          className="medium"
          aria-label="Filter by action, target, member or result"
          placeholder="Filter  /"
          value={text}
          onChange={(event) => setQuery({ q: event.target.value })}
        />
        <Button busy={exporting.busy} onClick={() => void exporting.run()}>
          Export all that fits
        </Button>
      </div>
      {failure !== undefined && <ErrorNote error={failure} />}
      <table className="table inset">
        <thead>
          <tr>
            <th scope="col" className="wide-only">
              When
            </th>
            <th scope="col">Who</th>
            <th scope="col">What</th>
            <th scope="col">Result</th>
            <th scope="col" className="wide-only">
              From
            </th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.id}>
              <td className="dim wide-only">{formatTime(entry.at)}</td>
              <td>{entry.memberName ?? entry.memberId}</td>
              <td title={entry.target}>
                {entry.action} <code className="dim">{entry.target}</code>
              </td>
              <td className={entry.result === 'ok' ? undefined : 'refused'}>{entry.result}</td>
              <td className="dim wide-only">{entry.address}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {first.value !== undefined && entries.length === 0 && cursor === undefined && (
        <p className="dim">Nothing fits.</p>
      )}
      {cursor !== undefined && (
        <p>
          <Button busy={more.busy} onClick={() => void more.run()}>
            Older
          </Button>
        </p>
      )}
    </div>
  );
}
