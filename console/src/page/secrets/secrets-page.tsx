import { useState } from 'react';
import type { FormEvent } from 'react';
import type { Secret } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Field } from '../../ui/field.tsx';
import { formatTime } from '../../ui/format.ts';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';

/** Names of secrets; values go in and never come out again. */
export default function SecretsPage() {
  const { clients, mayChange } = useConsole();
  const { value, error, reload } = useLoad('secrets', (signal) => clients.admin.listSecrets({ signal }));
  const [setting, setSetting] = useState<string>();
  return (
    <section className="page list-page">
      <header className="page-head">
        <h1>Secrets</h1>
        {mayChange && (
          <Button kind="primary" onClick={() => setSetting('')}>
            Set
          </Button>
        )}
      </header>
      {error !== undefined && (
        <div className="overview">
          <ErrorNote error={error} />
        </div>
      )}
      {value !== undefined && value.length > 0 && (
        <SecretTable secrets={value} onReplace={setSetting} onRemoved={reload} />
      )}
      {value?.length === 0 && (
        <Empty title="No secrets yet" command="atoll secrets set OPENAI_API_KEY < key.txt">
          <p>
            A secret is put into the environment of the sandboxes that name it. Its value is kept encrypted
            and shown to nobody.
          </p>
        </Empty>
      )}
      {setting !== undefined && (
        <SetDialog name={setting} onClose={() => setSetting(undefined)} onSet={reload} />
      )}
    </section>
  );
}

interface TableProps {
  secrets: readonly Secret[];
  onReplace: (name: string) => void;
  onRemoved: () => void;
}

function SecretTable({ secrets, onReplace, onRemoved }: TableProps) {
  const { clients, mayChange } = useConsole();
  const [removing, setRemoving] = useState<Secret>();
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Secrets">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" className="wide-only">
              Created
            </th>
            <th scope="col">
              <span className="unseen">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {secrets.map((secret) => (
            <tr key={secret.id}>
              <td>
                <code>{secret.name}</code>
              </td>
              <td className="dim wide-only">{formatTime(secret.createdAt)}</td>
              <td className="row-actions">
                {mayChange && (
                  <>
                    <Button
                      kind="quiet"
                      className="small"
                      aria-label={`Replace the value of ${secret.name}`}
                      onClick={() => onReplace(secret.name)}
                    >
                      Replace
                    </Button>
                    <Button
                      kind="quiet"
                      className="small"
                      aria-label={`Delete ${secret.name}`}
                      onClick={() => setRemoving(secret)}
                    >
                      Delete
                    </Button>
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {removing !== undefined && (
        <Confirm
          title={`Delete ${removing.name}?`}
          deed="Delete"
          act={async () => {
            await clients.admin.deleteSecret(removing.id);
            onRemoved();
          }}
          onClose={() => setRemoving(undefined)}
        >
          <p>
            Its value is lost. Processes that run keep what they were started with; sandboxes that name it
            cannot start any more.
          </p>
        </Confirm>
      )}
    </div>
  );
}

interface SetProps {
  /** Of a secret that is replaced; empty for a new one. */
  name: string;
  onClose: () => void;
  onSet: () => void;
}

function SetDialog({ name: given, onClose, onSet }: SetProps) {
  const { clients } = useConsole();
  const [name, setName] = useState(given);
  const [value, setValue] = useState('');
  const set = useAction(async () => {
    await clients.admin.setSecrets({ [name.trim()]: value });
    onClose();
    onSet();
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void set.run();
  };
  return (
    <Dialog title={given === '' ? 'Set a secret' : `Replace the value of ${given}`} onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog-body">
          {given === '' && (
            <Field
              label="Name"
              note="The variable in the environment. A name that is taken gets the new value."
            >
              <input
                name="name"
                required
                autoComplete="off"
                spellCheck={false}
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            </Field>
          )}
          <Field label="Value" note="Sandboxes see it from their next start. Nobody can read it back.">
            <input
              name="value"
              type="password"
              required
              autoComplete="new-password"
              value={value}
              onChange={(event) => setValue(event.target.value)}
            />
          </Field>
        </div>
        {set.error !== undefined && <ErrorNote error={set.error} />}
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={set.busy}>
            Set
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
