import { useState } from 'react';
import type { AuditEntry } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { useQuery } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { formatTime } from '../../ui/format.ts';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';

const PAGE_SIZE = 200;

/** Who changed what, from where, and how it went. */
export function AuditTab() {
  const { clients, identity } = useConsole();
  const [query, setQuery] = useQuery();
  const text = query.get('q') ?? '';
  const [older, setOlder] = useState<{ entries: AuditEntry[]; nextCursor?: number }>();
  const first = useLoad('audit', (signal) => clients.admin.listAudit({ limit: PAGE_SIZE }, { signal }));
  const members = useLoad('members', (signal) =>
    clients.admin.listMembers(identity.workspace.name, { signal }),
  );
  const cursor = older === undefined ? first.value?.nextCursor : older.nextCursor;
  const more = useAction(async () => {
    if (cursor === undefined) return;
    const page = await clients.admin.listAudit({ limit: PAGE_SIZE, cursor });
    setOlder((was) => ({ ...page, entries: [...(was?.entries ?? []), ...page.entries] }));
  });
  const names = new Map((members.value ?? []).map(({ id, name }) => [id, name]));
  const nameOf = ({ memberId = '' }: AuditEntry): string => names.get(memberId) ?? memberId;
  const entries = [...(first.value?.entries ?? []), ...(older?.entries ?? [])];
  const found = entries.filter((entry) => holds(entry, nameOf(entry), text));
  const failure = first.error ?? more.error;
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
        <a
          className="button"
          download={`audit-${identity.workspace.name}.json`}
          href={`data:application/json,${encodeURIComponent(JSON.stringify(found, undefined, 2))}`}
        >
          Export {found.length}
        </a>
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
          {found.map((entry) => (
            <tr key={entry.id}>
              <td className="dim wide-only">{formatTime(entry.at)}</td>
              <td>{nameOf(entry)}</td>
              <td title={entry.target}>
                {entry.action} <code className="dim">{entry.target}</code>
              </td>
              <td className={entry.result === 'ok' ? undefined : 'refused'}>{entry.result}</td>
              <td className="dim wide-only">{entry.address}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {first.value !== undefined && found.length === 0 && <p className="dim">Nothing fits.</p>}
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

const holds = ({ action, target = '', result, address = '' }: AuditEntry, who: string, text: string) =>
  [action, target, result, address, who].some((value) =>
    value.toLowerCase().includes(text.trim().toLowerCase()),
  );
