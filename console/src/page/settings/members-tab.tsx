import { useState } from 'react';
import type { FormEvent } from 'react';
import type { Member, Role } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { formatTime } from '../../ui/format.ts';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';
import { RoleChoice } from './role-choice.tsx';

/** Who may use the workspace, and as what. */
export function MembersTab() {
  const { clients, isAdmin, identity } = useConsole();
  const workspace = identity.workspace.name;
  const { value, error, reload } = useLoad(workspace, (signal) =>
    clients.admin.listMembers(workspace, { signal }),
  );
  const change = useAction(async (memberId: string, role: Role) => {
    await clients.admin.setMemberRole(workspace, memberId, role);
    reload();
  });
  const [removing, setRemoving] = useState<Member>();
  const failure = error ?? change.error;
  return (
    <div className="overview">
      {failure !== undefined && <ErrorNote error={failure} />}
      {value !== undefined && (
        <table className="table inset">
          <thead>
            <tr>
              <th scope="col">Member</th>
              <th scope="col">Role</th>
              <th scope="col" className="wide-only">
                Since
              </th>
              <th scope="col">
                <span className="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {value.map((member) => {
              const { id, name, owner, role, createdAt } = member;
              const isFixed = !isAdmin || owner;
              return (
                <tr key={id}>
                  <td>
                    <strong>{name}</strong> {owner && <span className="badge">owner</span>}{' '}
                    {id === identity.member.id && <span className="badge">you</span>}
                  </td>
                  <td>
                    {isFixed ? (
                      role
                    ) : (
                      <RoleChoice
                        label={`Role of ${name}`}
                        value={role}
                        onChange={(next) => void change.run(id, next)}
                      />
                    )}
                  </td>
                  <td className="dim wide-only">{formatTime(createdAt)}</td>
                  <td className="row-actions">
                    {!isFixed && (
                      <Button
                        kind="quiet"
                        className="small"
                        aria-label={`Remove ${name}`}
                        onClick={() => setRemoving(member)}
                      >
                        Remove
                      </Button>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {isAdmin && <AddMember workspace={workspace} onAdded={reload} />}
      {removing !== undefined && (
        <Confirm
          title={`Remove ${removing.name} from ${workspace}?`}
          deed="Remove"
          act={async () => {
            await clients.admin.removeMember(workspace, removing.id);
            reload();
          }}
          onClose={() => setRemoving(undefined)}
        >
          <p>The keys of {removing.name} for this workspace end at once. What they made stays.</p>
        </Confirm>
      )}
    </div>
  );
}

function AddMember({ workspace, onAdded }: { workspace: string; onAdded: () => void }) {
  const { clients } = useConsole();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('member');
  const add = useAction(async () => {
    await clients.admin.addMember(workspace, { name: name.trim(), role });
    setName('');
    onAdded();
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void add.run();
  };
  return (
    <>
      <form className="row add-form" onSubmit={submit}>
        <input
          className="medium"
          aria-label="Name of a new member"
          placeholder="Sam"
          required
          autoComplete="off"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <RoleChoice label="Role of the new member" value={role} onChange={setRole} />
        <Button type="submit" busy={add.busy}>
          Add
        </Button>
      </form>
      {add.error !== undefined && <ErrorNote error={add.error} />}
    </>
  );
}
