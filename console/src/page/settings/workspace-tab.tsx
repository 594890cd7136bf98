import { useState } from 'react';
import type { FormEvent } from 'react';
import { useConsole } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { CopyCommand } from '../../ui/copy-command.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Fact, Facts } from '../../ui/facts.tsx';
import { formatTime } from '../../ui/format.ts';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';
import { Quotas } from './quotas.tsx';

/** Whose this is: the account that others name to share images with it, and its workspaces. */
export function WorkspaceTab() {
  const { identity } = useConsole();
  return (
    <div className="overview">
      <section className="part" aria-label="Account id">
        <h3>Account id</h3>
        <CopyCommand command={identity.account.id} label="Copy the account id" />
        <p className="dim">Who shares an image with you from another account asks for it.</p>
      </section>
      <div className="panels">
        <Quotas />
        <Facts title="Here">
          <Fact term="Account">{identity.account.name}</Fact>
          <Fact term="Workspace">{identity.workspace.name}</Fact>
          <Fact term="Workspace id">
            <code>{identity.workspace.id}</code>
          </Fact>
        </Facts>
        <Facts title="You">
          <Fact term="Member">{identity.member.name}</Fact>
          <Fact term="Role">{identity.role}</Fact>
          <Fact term="Key">
            {identity.keyName} ({identity.kind})
          </Fact>
        </Facts>
      </div>
      <Workspaces />
    </div>
  );
}

function Workspaces() {
  const { clients, isAdmin, identity } = useConsole();
  const { value, error, reload } = useLoad('workspaces', (signal) =>
    clients.admin.listWorkspaces({ signal }),
  );
  return (
    <section className="part" aria-label="Workspaces">
      <h3>Workspaces that you may use</h3>
      {error !== undefined && <ErrorNote error={error} />}
      {value !== undefined && (
        <table className="table inset">
          <tbody>
            {value.map(({ id, name, createdAt }) => (
              <tr key={id}>
                <td>
                  <strong>{name}</strong>{' '}
                  {id === identity.workspace.id && <span className="badge">here</span>}
                </td>
                <td className="wide-only">
                  <code className="dim">{id}</code>
                </td>
                <td className="dim wide-only">{formatTime(createdAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {isAdmin && <CreateWorkspace onCreated={reload} />}
    </section>
  );
}

function CreateWorkspace({ onCreated }: { onCreated: () => void }) {
  const { clients } = useConsole();
  const [name, setName] = useState('');
  const create = useAction(async () => {
    await clients.admin.createWorkspace(name.trim());
    setName('');
    onCreated();
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void create.run();
  };
  return (
    <>
      <form className="row add-form" onSubmit={submit}>
        <input
          className="medium"
          aria-label="Name of a new workspace"
          placeholder="staging"
          required
          autoComplete="off"
          spellCheck={false}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Button type="submit" busy={create.busy}>
          Create a workspace
        </Button>
      </form>
      {create.error !== undefined && <ErrorNote error={create.error} />}
    </>
  );
}
