import { useState } from 'react';
import type { DirectoryEntry } from '@atoll/sdk';
import { useConsole } from '../../../live/console-context.ts';
import { Confirm } from '../../../ui/confirm.tsx';
import { Empty } from '../../../ui/empty.tsx';
import { formatBytes, formatTime } from '../../../ui/format.ts';
import { NameDialog } from './name-dialog.tsx';
import { joinPath, parentOf } from './use-folder.ts';
import type { Folder } from './use-folder.ts';

interface Props {
  sandboxId: string;
  folder: Folder;
  onFolder: (path: string) => void;
  onFile: (path: string) => void;
  onChange: () => void;
}

type Asking = { deed: 'rename' | 'delete'; entry: DirectoryEntry } | undefined;

/** The entries of a folder, and what can be done with each. */
export function FolderTable({ sandboxId, folder, onFolder, onFile, onChange }: Props) {
  const [asking, setAsking] = useState<Asking>();
  const { path, entries } = folder;
  if (entries.length === 0)
    return <Empty title="This folder is empty">Drop files here to upload them.</Empty>;
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Files">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" className="number">
              Size
            </th>
            <th scope="col" className="wide-only">
              Changed
            </th>
            <th scope="col">
              <span className="unseen">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {path !== '/' && (
            <tr>
              <td className="main-cell">
                <button type="button" className="as-link" onClick={() => onFolder(parentOf(path))}>
                  ..
                </button>
              </td>
              <td colSpan={3} />
            </tr>
          )}
          {entries.map((entry) => (
            <EntryRow
              key={entry.name}
              entry={entry}
              onOpen={() => (entry.isDir ? onFolder : onFile)(joinPath(path, entry.name))}
              onAsk={(deed) => setAsking({ deed, entry })}
            />
          ))}
        </tbody>
      </table>
      {asking !== undefined && (
        <Asked
          sandboxId={sandboxId}
          path={joinPath(path, asking.entry.name)}
          asking={asking}
          onChange={onChange}
          onClose={() => setAsking(undefined)}
        />
      )}
    </div>
  );
}

interface RowProps {
  entry: DirectoryEntry;
  onOpen: () => void;
  onAsk: (deed: 'rename' | 'delete') => void;
}

const EntryRow = ({ entry: { name, isDir, size, modifiedAt }, onOpen, onAsk }: RowProps) => (
  <tr>
    <td className="main-cell">
      <button type="button" className="as-link" onClick={onOpen}>
        {name}
        {isDir && '/'}
      </button>
    </td>
    <td className="number dim">{size !== undefined && formatBytes(size)}</td>
    <td className="dim wide-only">{modifiedAt && formatTime(modifiedAt)}</td>
    <td className="row-actions">
      <button
        type="button"
        className="button quiet small"
        aria-label={`Rename ${name}`}
        onClick={() => onAsk('rename')}
      >
        Rename
      </button>
      <button
        type="button"
        className="button quiet small"
        aria-label={`Delete ${name}`}
        onClick={() => onAsk('delete')}
      >
        Delete
      </button>
    </td>
  </tr>
);

interface AskedProps {
  sandboxId: string;
  path: string;
  asking: NonNullable<Asking>;
  onChange: () => void;
  onClose: () => void;
}

function Asked({ sandboxId, path, asking: { deed, entry }, onChange, onClose }: AskedProps) {
  const { clients } = useConsole();
  const rename = async (name: string): Promise<void> => {
    const sandbox = await clients.sandboxes.connect(sandboxId);
    await sandbox.files.move(path, joinPath(parentOf(path), name));
    onChange();
  };
  const remove = async (): Promise<void> => {
    const sandbox = await clients.sandboxes.connect(sandboxId);
    await sandbox.files.remove(path, { recursive: entry.isDir });
    onChange();
  };
  if (deed === 'rename')
    return (
      <NameDialog
        title={`Rename ${entry.name}`}
        deed="Rename"
        initial={entry.name}
        act={rename}
        onClose={onClose}
      />
    );
  return (
    <Confirm title={`Delete ${entry.name}?`} deed="Delete" act={remove} onClose={onClose}>
      <p>
        <code>{path}</code>
        {entry.isDir && ' and everything in it'} will be lost.
      </p>
    </Confirm>
  );
}
