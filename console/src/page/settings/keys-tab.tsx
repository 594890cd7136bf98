import { useState } from 'react';
import type { FormEvent } from 'react';
import type { Key, Role } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { CopyCommand } from '../../ui/copy-command.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { formatDuration, formatTime } from '../../ui/format.ts';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';
import { useNow } from '../../ui/use-now.ts';
import { RoleChoice } from './role-choice.tsx';

/** The keys of the workspace, or the caller's own; a new one is shown once. */
export function KeysTab() {
  const { clients, identity } = useConsole();
  const { value, error, reload } = useLoad('keys', (signal) => clients.admin.listKeys({ signal }));
  const [revoking, setRevoking] = useState<Key>();
  return (
    <div className="overview">
      <CreateKey onCreated={reload} />
      {error !== undefined && <ErrorNote error={error} />}
      {value !== undefined && <KeyTable keys={value} onRevoke={setRevoking} />}
      {revoking !== undefined && (
        <Confirm
          title={`Revoke ${revoking.name}?`}
          deed="Revoke"
          act={async () => {
            await clients.admin.revokeKey(revoking.id);
            reload();
          }}
          onClose={() => setRevoking(undefined)}
        >
          <p>
            Whatever uses it is refused at once, terminals and sessions of browsers included.
            {revoking.id === identity.keyId && ' It is the key of this session: you will be logged out.'}
          </p>
        </Confirm>
      )}
    </div>
  );
}

function KeyTable({ keys, onRevoke }: { keys: readonly Key[]; onRevoke: (key: Key) => void }) {
  const { identity } = useConsole();
  const now = useNow();
  const ago = (at: number): string => `${formatDuration(Math.max(0, now - at))} ago`;
  return (
    <table className="table inset">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" className="wide-only">
            Begins with
          </th>
          <th scope="col">Role</th>
          <th scope="col" className="wide-only">
            Last used
          </th>
          <th scope="col" className="wide-only">
            Ends
          </th>
          <th scope="col">
            <span className="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => (
          <tr key={key.id}>
            <td>
              <strong>{key.name}</strong>{' '}
              {key.id === identity.keyId && <span className="badge">this session</span>}
            </td>
            <td className="wide-only">
              <code>{key.prefix}…</code>
            </td>
            <td>{key.role ?? key.kind}</td>
            <td className="dim wide-only">{key.lastUsedAt === undefined ? 'never' : ago(key.lastUsedAt)}</td>
            <td className="dim wide-only">
              {key.expiresAt === undefined ? 'when it is revoked' : formatTime(key.expiresAt)}
            </td>
            <td className="row-actions">
              <Button
                kind="quiet"
                className="small"
                aria-label={`Revoke ${key.name}`}
                onClick={() => onRevoke(key)}
              >
                Revoke
              </Button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function CreateKey({ onCreated }: { onCreated: () => void }) {
  const { clients, identity } = useConsole();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>(identity.role);
  const [made, setMade] = useState<{ name: string; value: string }>();
  const create = useAction(async () => {
    const { value } = await clients.admin.createKey({ name: name.trim(), role });
    setMade({ name: name.trim(), value });
    setName('');
    onCreated();
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void create.run();
  };
  return (
    <section aria-label="New key" className="part">
      <form className="row" onSubmit={submit}>
        <input
          className="medium"
          aria-label="Name of a new key"
          placeholder="What will use it"
          required
          autoComplete="off"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <RoleChoice label="Role of the new key" value={role} onChange={setRole} />
        <Button type="submit" kind="primary" busy={create.busy}>
          Create a key
        </Button>
      </form>
      {create.error !== undefined && <ErrorNote error={create.error} />}
      {made !== undefined && (
        <div className="note once" role="status">
          <p>
            The key <strong>{made.name}</strong>. Copy it now: it is shown this once.
          </p>
          <CopyCommand command={made.value} label="Copy the key" />
          <Button kind="quiet" className="small" onClick={() => setMade(undefined)}>
            I have it
          </Button>
        </div>
      )}
    </section>
  );
}
