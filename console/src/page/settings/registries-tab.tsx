import { useState } from 'react';
import type { FormEvent } from 'react';
import type { RegistryLogin } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { formatTime } from '../../ui/format.ts';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';

/** Where the workspace is logged in to pull images from; passwords go in and never come out again. */
export function RegistriesTab() {
  const { clients, mayChange } = useConsole();
  const { value, error, reload } = useLoad('registries', (signal) =>
    clients.admin.registryLogins.list({ signal }),
  );
  const [removing, setRemoving] = useState<RegistryLogin>();
  return (
    <div className="overview">
      {mayChange && <LogIn onDone={reload} />}
      {error !== undefined && <ErrorNote error={error} />}
      {value !== undefined && value.length > 0 && <LoginTable logins={value} onRemove={setRemoving} />}
      {value?.length === 0 && (
        <Empty title="No logins yet" command="atoll registry login ghcr.io --username me">
          <p>
            With a login at a registry, imports and builds of this workspace pull private images from it. The
            password is kept encrypted and shown to nobody.
          </p>
        </Empty>
      )}
      {removing !== undefined && (
        <Confirm
          title={`Log out of ${removing.registry}?`}
          deed="Log out"
          act={async () => {
            await clients.admin.registryLogins.delete(removing.registry);
            reload();
          }}
          onClose={() => setRemoving(undefined)}
        >
          <p>
            The password of {removing.username} is forgotten here. Images that were pulled stay; private ones
            cannot be pulled any more.
          </p>
        </Confirm>
      )}
    </div>
  );
}

interface TableProps {
  logins: readonly RegistryLogin[];
  onRemove: (login: RegistryLogin) => void;
}

function LoginTable({ logins, onRemove }: TableProps) {
  const { mayChange } = useConsole();
  return (
    <table className="table inset">
      <thead>
        <tr>
          <th scope="col">Registry</th>
          <th scope="col">User</th>
          <th scope="col" className="wide-only">
            Since
          </th>
          <th scope="col">
            <span className="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {logins.map((login) => (
          <tr key={login.registry}>
            <td>
              <code>{login.registry}</code>
            </td>
            <td>{login.username}</td>
            <td className="dim wide-only">{formatTime(login.updatedAt)}</td>
            <td className="row-actions">
              {mayChange && (
                <Button
                  kind="quiet"
                  className="small"
                  aria-label={`Log out of ${login.registry}`}
                  onClick={() => onRemove(login)}
                >
                  Log out
                </Button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const none = { registry: '', username: '', password: '' };

function LogIn({ onDone }: { onDone: () => void }) {
  const { clients } = useConsole();
  const [given, setGiven] = useState(none);
  const logIn = useAction(async () => {
    await clients.admin.registryLogins.set(given);
    setGiven(none);
    onDone();
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void logIn.run();
  };
  const field = (name: keyof typeof none, label: string, placeholder: string) => (
    <input
      className="medium"
      aria-label={label}
      placeholder={placeholder}
      type={name === 'password' ? 'password' : 'text'}
      required
      spellCheck={false}
      autoComplete={name === 'password' ? 'new-password' : 'off'}
      value={given[name]}
      onChange={(event) => setGiven({ ...given, [name]: event.target.value })}
    />
  );
  return (
    <section aria-label="Log in at a registry" className="part">
      <form className="row" onSubmit={submit}>
        {field('registry', 'Registry', 'ghcr.io or ghcr.io/org')}
        {field('username', 'User name', 'User name')}
        {field('password', 'Password or token', 'Password or token')}
        <Button type="submit" kind="primary" busy={logIn.busy}>
          Log in
        </Button>
      </form>
      {logIn.error !== undefined && <ErrorNote error={logIn.error} />}
    </section>
  );
}
