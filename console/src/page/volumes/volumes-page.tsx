import { useState } from 'react';
import type { FormEvent } from 'react';
import type { FileSystem } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { Link } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Field } from '../../ui/field.tsx';
import { formatBytes, formatMb } from '../../ui/format.ts';
import { Status } from '../../ui/status.tsx';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';
import { VolumeDialog } from './volume-dialog.tsx';

/** The file systems of the workspace: what outlives sandboxes. */
export default function VolumesPage() {
  const { clients, mayChange } = useConsole();
  const { value, error, reload, busy } = useLoad('volumes', (signal) =>
    clients.sandboxes.fileSystems.list({ signal }),
  );
  const [creating, setCreating] = useState(false);
  return (
    <section className="page list-page">
      <header className="page-head">
        <h1>Volumes</h1>
        <Button kind="quiet" busy={busy} onClick={reload}>
          Refresh
        </Button>
        {mayChange && (
          <Button kind="primary" onClick={() => setCreating(true)}>
            Create
          </Button>
        )}
      </header>
      {error !== undefined && (
        <div className="overview">
          <ErrorNote error={error} />
        </div>
      )}
      {value !== undefined && value.length > 0 && <VolumeTable volumes={value} onChanged={reload} />}
      {value?.length === 0 && (
        <Empty title="No volumes yet" command="atoll fs create my-data">
          <p>A volume keeps files when sandboxes end. One sandbox writes to it, or any number read it.</p>
        </Empty>
      )}
      {creating && <CreateVolume onClose={() => setCreating(false)} onCreated={reload} />}
    </section>
  );
}

function VolumeTable({ volumes, onChanged }: { volumes: readonly FileSystem[]; onChanged: () => void }) {
  const { clients, mayChange } = useConsole();
  const [removing, setRemoving] = useState<FileSystem>();
  const [openId, setOpenId] = useState<string>();
  const open = volumes.find(({ id }) => id === openId);
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Volumes">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" className="wide-only">
              Status
            </th>
            <th scope="col" className="number">
              Used
            </th>
            <th scope="col">Attached to</th>
            <th scope="col">
              <span className="unseen">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {volumes.map((volume) => (
            <tr key={volume.id}>
              <td title={volume.description}>
                <button type="button" className="as-link" onClick={() => setOpenId(volume.id)}>
                  <strong>{volume.name}</strong>
                </button>{' '}
                <span className="dim wide-only">{volume.description}</span>
              </td>
              <td className="wide-only">
                <Status of={volume.status} />
              </td>
              <td className="number">
                {formatBytes(volume.usedBytes)} <span className="dim">of {formatMb(volume.sizeMb)}</span>
              </td>
              <td>
                <Attached volume={volume} />
              </td>
              <td className="row-actions">
                {mayChange && (
                  <Button
                    kind="quiet"
                    className="small"
                    aria-label={`Delete ${volume.name}`}
                    onClick={() => setRemoving(volume)}
                  >
                    Delete
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {open !== undefined && (
        <VolumeDialog
          key={open.sizeMb}
          volume={open}
          onChanged={onChanged}
          onClose={() => setOpenId(undefined)}
        />
      )}
      {removing !== undefined && (
        <Confirm
          title={`Delete ${removing.name}?`}
          deed="Delete"
          act={async () => {
            await clients.sandboxes.fileSystems.delete(removing.id);
            onChanged();
          }}
          onClose={() => setRemoving(undefined)}
        >
          <p>
            All files in it ({formatBytes(removing.usedBytes)}) will be lost; snapshots of it stay. While a
            sandbox has it, it cannot be deleted.
          </p>
        </Confirm>
      )}
    </div>
  );
}

const Attached = ({ volume: { attachedTo } }: { volume: FileSystem }) =>
  attachedTo.length === 0 ? (
    <span className="dim">nothing</span>
  ) : (
    attachedTo.map(({ sandboxId, mountPath, readOnly }) => (
      <div key={`${sandboxId}:${mountPath}`}>
        <Link to={`/sandbox/${sandboxId}`}>{sandboxId}</Link> <code>{mountPath}</code>
        {readOnly && <span className="dim"> read only</span>}
      </div>
    ))
  );

function CreateVolume({ onClose, onCreated }: { onClose: () => void; onCreated: () => void }) {
  const { clients } = useConsole();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [sizeMb, setSizeMb] = useState('');
  const create = useAction(async () => {
    await clients.sandboxes.fileSystems.create({
      name: name.trim(),
      ...(description.trim() !== '' && { description: description.trim() }),
      ...(sizeMb !== '' && { sizeMb: Number(sizeMb) }),
    });
    onClose();
    onCreated();
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void create.run();
  };
  return (
    <Dialog title="Create a volume" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog-body">
          <Field label="Name" note="Letters, digits, “.” and “-”.">
            <input
              name="name"
              required
              autoComplete="off"
              spellCheck={false}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          </Field>
          <Field label="Size (MB)" note="It takes room as it is filled, and can grow later.">
            <input
              name="sizeMb"
              type="number"
              min="1"
              placeholder="10240"
              value={sizeMb}
              onChange={(event) => setSizeMb(event.target.value)}
            />
          </Field>
          <Field label="Description">
            <input
              name="description"
              autoComplete="off"
              value={description}
              onChange={(event) => setDescription(event.target.value)}
            />
          </Field>
        </div>
        {create.error !== undefined && <ErrorNote error={create.error} />}
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={create.busy}>
            Create
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
