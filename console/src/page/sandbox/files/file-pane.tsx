import { useEffect, useMemo, useState } from 'react';
import { useConsole } from '../../../live/console-context.ts';
import { Button } from '../../../ui/button.tsx';
import { ErrorNote } from '../../../ui/error-note.tsx';
import { formatBytes } from '../../../ui/format.ts';
import { saveFile } from '../../../ui/save-file.ts';
import { useAction } from '../../../ui/use-action.ts';
import { useLoad } from '../../../ui/use-load.ts';
import { decodeText, imageTypeOf, isCsv, MAX_SHOWN_BYTES, parseCsv } from './file-kind.ts';

interface Props {
  sandboxId: string;
  path: string;
  onClose: () => void;
}

/** What is read of a file: its bytes, unless there are too many to show. */
interface Read {
  sizeBytes: number;
  content?: Uint8Array;
}

/** One file: read, changed, looked at, taken away. */
export function FilePane({ sandboxId, path, onClose }: Props) {
  const { clients } = useConsole();
  const file = useLoad<Read>(`${sandboxId}:${path}`, async (signal) => {
    const sandbox = await clients.sandboxes.connect(sandboxId, { signal });
    const { size = 0 } = await sandbox.files.stat(path, { signal, follow: true });
    if (size > MAX_SHOWN_BYTES) return { sizeBytes: size };
    return { sizeBytes: size, content: await sandbox.readFile(path, { signal }) };
  });
  const download = useAction(async () => {
    const sandbox = await clients.sandboxes.connect(sandboxId);
    const chunks: BlobPart[] = [];
    // The browser keeps large blobs on disk.
    for await (const chunk of sandbox.readFileStream(path)) chunks.push(new Blob([chunk as BlobPart]));
    saveFile(new Blob(chunks), path.slice(path.lastIndexOf('/') + 1));
  });
  return (
    <div className="files">
      <div className="files-head">
        <code className="file-path">{path}</code>
        <div className="row">
          <Button busy={download.busy} onClick={() => void download.run()}>
            Download
          </Button>
          <Button kind="quiet" onClick={onClose}>
            Back to the folder
          </Button>
        </div>
      </div>
      {(file.error ?? download.error) !== undefined && <ErrorNote error={file.error ?? download.error} />}
      {file.value && <Content key={path} sandboxId={sandboxId} path={path} read={file.value} />}
    </div>
  );
}

function Content({ sandboxId, path, read }: { sandboxId: string; path: string; read: Read }) {
  const { content, sizeBytes } = read;
  if (content === undefined)
    return <p className="pad dim">{formatBytes(sizeBytes)} are too much to show. Download it.</p>;
  const type = imageTypeOf(path);
  if (type !== undefined) return <Picture content={content} type={type} path={path} />;
  const text = decodeText(content);
  if (text === undefined)
    return <p className="pad dim">{formatBytes(sizeBytes)} that are no text. Download it.</p>;
  return <TextFile sandboxId={sandboxId} path={path} text={text} />;
}

/** As an image and never as a document, so nothing in it runs. */
function Picture({ content, type, path }: { content: Uint8Array; type: string; path: string }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([content as BlobPart], { type }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [content, type]);
  return <div className="picture">{url !== undefined && <img src={url} alt={path} />}</div>;
}

function TextFile({ sandboxId, path, text }: { sandboxId: string; path: string; text: string }) {
  const { clients } = useConsole();
  const [saved, setSaved] = useState(text);
  const [edited, setEdited] = useState(text);
  const [asTable, setAsTable] = useState(isCsv(path));
  const save = useAction(async () => {
    const sandbox = await clients.sandboxes.connect(sandboxId);
    await sandbox.writeFile(path, edited);
    setSaved(edited);
  });
  return (
    <>
      <div className="row editor-head">
        {isCsv(path) && (
          <Button kind="quiet" onClick={() => setAsTable(!asTable)}>
            {asTable ? 'As text' : 'As a table'}
          </Button>
        )}
        <Button kind="primary" busy={save.busy} disabled={edited === saved} onClick={() => void save.run()}>
          Save
        </Button>
        <span className="dim" role="status">
          {edited === saved ? 'Saved' : 'Changed'}
        </span>
      </div>
      {save.error !== undefined && <ErrorNote error={save.error} what="It was not saved." />}
      {asTable ? (
        <CsvTable text={edited} />
      ) : (
        <textarea
          className="editor"
          aria-label={`Text of ${path}`}
          spellCheck={false}
          value={edited}
          onChange={(event) => setEdited(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 's' || !(event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            void save.run();
          }}
        />
      )}
    </>
  );
}

const MAX_ROWS = 500;

function CsvTable({ text }: { text: string }) {
  const [head = [], ...rows] = useMemo(() => parseCsv(text, MAX_ROWS), [text]);
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Table">
      <table className="table">
        <thead>
          <tr>
            {head.map((name, at) => (
              <th key={at} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {row.map((value, column) => (
                <td key={column}>{value}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
