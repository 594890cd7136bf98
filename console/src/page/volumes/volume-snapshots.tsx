import { useState } from 'react';
import type { FileSystem, FileSystemSnapshot } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { formatMb, formatTime } from '../../ui/format.ts';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';

/** What was kept of a volume at some times. */
export function VolumeSnapshots({ volume: { id, name } }: { volume: FileSystem }) {
  const { clients, mayChange } = useConsole();
  const { fileSystems } = clients.sandboxes;
  const list = useLoad(id, (signal) => fileSystems.listSnapshots(id, { signal }));
  const [removing, setRemoving] = useState<FileSystemSnapshot>();
  const take = useAction(async () => {
    await fileSystems.snapshot(id);
    list.reload();
  });
  const error = list.error ?? take.error;
  return (
    <section aria-label={`Snapshots of ${name}`}>
      <div className="row spread">
        <h3>Snapshots</h3>
        {mayChange && (
          <Button busy={take.busy} onClick={() => void take.run()}>
            Take a snapshot
          </Button>
        )}
      </div>
      {error !== undefined && <ErrorNote error={error} />}
      {list.value?.length === 0 && (
        <p className="dim">None yet. A snapshot keeps what the volume holds now.</p>
      )}
      <SnapshotTable snapshots={list.value ?? []} onRemove={mayChange ? setRemoving : undefined} />
      {removing !== undefined && (
        <Confirm
          title="Delete this snapshot?"
          deed="Delete"
          act={async () => {
            await fileSystems.deleteSnapshot(removing.id);
            list.reload();
          }}
          onClose={() => setRemoving(undefined)}
        >
          <p>
            What {name} held at {formatTime(removing.createdAt)} will be lost. Volumes that were made of it
            stay.
          </p>
        </Confirm>
      )}
    </section>
  );
}

interface TableProps {
  snapshots: readonly FileSystemSnapshot[];
  onRemove: ((snapshot: FileSystemSnapshot) => void) | undefined;
}

const SnapshotTable = ({ snapshots, onRemove }: TableProps) =>
  snapshots.length === 0 ? null : (
    <table className="table inset">
      <tbody>
        {snapshots.map((snapshot) => (
          <tr key={snapshot.id}>
            <td>
              <code>{snapshot.id}</code>
            </td>
            <td className="dim wide-only">{formatTime(snapshot.createdAt)}</td>
            <td className="number">{formatMb(snapshot.sizeMb)}</td>
            <td className="row-actions">
              {onRemove !== undefined && (
                <Button
                  kind="quiet"
                  className="small"
                  aria-label={`Delete ${snapshot.id}`}
                  onClick={() => onRemove(snapshot)}
                >
                  Delete
                </Button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
