import { useState } from 'react';
import type { DragEvent } from 'react';
import type { SandboxInfo } from '@atoll/sdk';
import { useConsole } from '../../../live/console-context.ts';
import { useQuery } from '../../../router.tsx';
import { Button } from '../../../ui/button.tsx';
import { ErrorNote } from '../../../ui/error-note.tsx';
import { useAction } from '../../../ui/use-action.ts';
import { Awake } from '../awake.tsx';
import { FilePane } from './file-pane.tsx';
import { FolderTable } from './folder-table.tsx';
import { NameDialog } from './name-dialog.tsx';
import { joinPath, useFolder } from './use-folder.ts';

/** The files of a sandbox. */
export default function FilesTab({ sandbox }: { sandbox: SandboxInfo }) {
  return (
    <Awake sandbox={sandbox}>
      <Files sandboxId={sandbox.sandboxId} />
    </Awake>
  );
}

function Files({ sandboxId }: { sandboxId: string }) {
  const { clients } = useConsole();
  const [query, setQuery] = useQuery();
  const folder = useFolder(sandboxId, query.get('path') ?? '');
  const path = folder.value?.path ?? query.get('path') ?? '/';
  const file = query.get('file');
  const [naming, setNaming] = useState<'file' | 'folder'>();
  const upload = useAction(async (chosen: readonly File[]) => {
    const sandbox = await clients.sandboxes.connect(sandboxId);
    for (const one of chosen) await sandbox.writeFile(joinPath(path, one.name), one);
    folder.reload();
  });
  const make = async (name: string): Promise<void> => {
    const sandbox = await clients.sandboxes.connect(sandboxId);
    if (naming === 'folder') await sandbox.files.mkdir(joinPath(path, name));
    else await sandbox.writeFile(joinPath(path, name), '');
    folder.reload();
    if (naming === 'file') setQuery({ file: joinPath(path, name) });
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    void upload.run([...event.dataTransfer.files]);
  };
  if (file !== null)
    return <FilePane sandboxId={sandboxId} path={file} onClose={() => setQuery({ file: '' })} />;
  return (
    <div className="files" onDragOver={(event) => event.preventDefault()} onDrop={drop}>
      <div className="files-head">
        <Crumbs path={path} onGo={(to) => setQuery({ path: to })} />
        <div className="row">
          <Button onClick={() => setNaming('file')}>New file</Button>
          <Button onClick={() => setNaming('folder')}>New folder</Button>
          <label className="button">
            {upload.busy ? 'Uploading…' : 'Upload'}
            <input
              type="file"
              multiple
              className="unseen"
              onChange={(event) => {
                void upload.run([...(event.target.files ?? [])]);
                event.target.value = ''; // the same file may be chosen again
              }}
            />
          </label>
          <Button kind="quiet" busy={folder.busy} onClick={folder.reload}>
            Refresh
          </Button>
        </div>
      </div>
      {upload.error !== undefined && <ErrorNote error={upload.error} what="The upload broke off." />}
      {folder.error !== undefined && <ErrorNote error={folder.error} />}
      {folder.value && (
        <FolderTable
          sandboxId={sandboxId}
          folder={folder.value}
          onFolder={(to) => setQuery({ path: to })}
          onFile={(to) => setQuery({ path, file: to })}
          onChange={folder.reload}
        />
      )}
      {naming !== undefined && (
        <NameDialog
          title={naming === 'file' ? 'New file' : 'New folder'}
          deed="Create"
          act={make}
          onClose={() => setNaming(undefined)}
        />
      )}
    </div>
  );
}

function Crumbs({ path, onGo }: { path: string; onGo: (path: string) => void }) {
  const parts = path.split('/').filter((part) => part !== '');
  return (
    <nav className="crumbs" aria-label="Folder">
      <button type="button" onClick={() => onGo('/')}>
        /
      </button>
      {parts.map((part, at) => (
        <button
          key={parts.slice(0, at + 1).join('/')}
          type="button"
          aria-current={at === parts.length - 1 ? 'location' : undefined}
          onClick={() => onGo(`/${parts.slice(0, at + 1).join('/')}`)}
        >
          {part}
          {at < parts.length - 1 && ' /'}
        </button>
      ))}
    </nav>
  );
}
