import { useState } from 'react';
import type { FormEvent } from 'react';
import { useConsole } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { CopyCommand } from '../../ui/copy-command.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Field } from '../../ui/field.tsx';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';

interface Props {
  /** Of the image, without a tag: a share holds for all of them. */
  name: string;
  onClose: () => void;
  onShared: () => void;
}

type Scope = 'account' | 'other';
const scopes = [
  ['account', 'This account'],
  ['other', 'Another account'],
] as const;

/** Lets another workspace use an image: at once within the account, after its answer in another one. */
export function ShareDialog({ name, onClose, onShared }: Props) {
  const { clients } = useConsole();
  const [scope, setScope] = useState<Scope>('account');
  const [workspace, setWorkspace] = useState('');
  const [accountId, setAccountId] = useState('');
  const share = useAction(async () => {
    const target = scope === 'other' ? { accountId: accountId.trim() } : {};
    await clients.admin.imageShares.share(name, workspace.trim(), target);
    onClose();
    onShared();
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void share.run();
  };
  const choose = (next: Scope): void => {
    setScope(next);
    setWorkspace('');
    share.clear();
  };
  const account = scope === 'other' ? ` --account ${accountId.trim() || 'ACCOUNT'}` : '';
  return (
    <Dialog title={`Share ${name}`} onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog-body">
          <div className="filters" role="group" aria-label="With whom">
            {scopes.map(([value, title]) => (
              <button
                key={value}
                type="button"
                className="chip"
                aria-pressed={scope === value}
                onClick={() => choose(value)}
              >
                {title}
              </button>
            ))}
          </div>
          {scope === 'account' ? (
            <OwnWorkspaces value={workspace} onChange={setWorkspace} />
          ) : (
            <OtherAccount
              workspace={workspace}
              accountId={accountId}
              onWorkspace={setWorkspace}
              onAccount={setAccountId}
            />
          )}
          <p className="dim">
            It gets all tags under the same name, also those that come later. While it is shared, neither the
            image nor a tag of it can be deleted.
          </p>
          <CopyCommand command={`atoll image share ${name} ${workspace.trim() || 'WORKSPACE'}${account}`} />
        </div>
        {share.error !== undefined && <ErrorNote error={share.error} />}
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={share.busy} disabled={workspace.trim() === ''}>
            {scope === 'account' ? 'Share' : 'Offer'}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}

/** The workspaces of the account that this key may see; others can be typed. */
function OwnWorkspaces({ value, onChange }: { value: string; onChange: (name: string) => void }) {
  const { clients, identity } = useConsole();
  const { value: known = [] } = useLoad('workspaces', (signal) => clients.admin.listWorkspaces({ signal }));
  const others = known.filter(
    ({ id, accountId }) => id !== identity.workspace.id && accountId === identity.account.id,
  );
  return (
    <Field label="Workspace" note="It can use the image at once.">
      <input
        name="workspace"
        required
        autoComplete="off"
        spellCheck={false}
        list="other-workspaces"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      <datalist id="other-workspaces">
        {others.map(({ id, name }) => (
          <option key={id} value={name} />
        ))}
      </datalist>
    </Field>
  );
}

interface OtherProps {
  workspace: string;
  accountId: string;
  onWorkspace: (name: string) => void;
  onAccount: (id: string) => void;
}

const OtherAccount = ({ workspace, accountId, onWorkspace, onAccount }: OtherProps) => (
  <>
    <Field label="Account id" note="Its people find it in Settings, Workspace.">
      <input
        name="accountId"
        required
        autoComplete="off"
        spellCheck={false}
        value={accountId}
        onChange={(event) => onAccount(event.target.value)}
      />
    </Field>
    <Field label="Workspace" note="One of its admins has to accept within seven days.">
      <input
        name="workspace"
        required
        autoComplete="off"
        spellCheck={false}
        value={workspace}
        onChange={(event) => onWorkspace(event.target.value)}
      />
    </Field>
  </>
);
