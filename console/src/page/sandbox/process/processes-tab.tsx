import { useState } from 'react';
import type { FormEvent } from 'react';
import type { ProcessInfo, SandboxInfo } from '@atoll/sdk';
import { useConsole } from '../../../live/console-context.ts';
import { Button } from '../../../ui/button.tsx';
import { Empty } from '../../../ui/empty.tsx';
import { ErrorNote } from '../../../ui/error-note.tsx';
import { useAction } from '../../../ui/use-action.ts';
import { useLoad } from '../../../ui/use-load.ts';
import { Awake } from '../awake.tsx';
import { ProcessLog } from './process-log.tsx';
import { ProcessTable } from './process-table.tsx';

/** The processes that were started in a sandbox, and what they print. */
export default function ProcessesTab({ sandbox }: { sandbox: SandboxInfo }) {
  return (
    <Awake sandbox={sandbox}>
      <Processes sandboxId={sandbox.sandboxId} name={sandbox.name ?? sandbox.sandboxId} />
    </Awake>
  );
}

function Processes({ sandboxId, name }: { sandboxId: string; name: string }) {
  const { clients } = useConsole();
  const [watched, setWatched] = useState<ProcessInfo>();
  const list = useLoad(sandboxId, async (signal) => {
    const sandbox = await clients.sandboxes.connect(sandboxId, { signal });
    return sandbox.listProcesses({ signal });
  });
  const end = useAction(async ({ pid }: ProcessInfo, signal: number) => {
    const sandbox = await clients.sandboxes.connect(sandboxId);
    await sandbox.sendSignal(pid, signal);
    list.reload();
  });
  const start = useAction(async (line: string) => {
    const sandbox = await clients.sandboxes.connect(sandboxId);
    setWatched(await sandbox.startProcess('sh', ['-c', line]));
    list.reload();
  });
  return (
    <div className="files">
      <div className="files-head">
        <StartForm busy={start.busy} onStart={(line) => void start.run(line)} />
        <Button kind="quiet" busy={list.busy} onClick={list.reload}>
          Refresh
        </Button>
      </div>
      <Failures of={[list.error, start.error, end.error]} />
      {list.value?.length === 0 && (
        <Empty title="No processes were started" command={`atoll sbx exec ${name} -- python3 --version`}>
          <p>Start one above, by the SDK, or on a command line:</p>
        </Empty>
      )}
      {list.value !== undefined && list.value.length > 0 && (
        <ProcessTable
          processes={list.value}
          watched={watched?.pid}
          onWatch={setWatched}
          onSignal={(process, signal) => void end.run(process, signal)}
        />
      )}
      {watched && (
        <ProcessLog
          key={watched.pid}
          sandboxId={sandboxId}
          process={watched}
          onEnd={list.reload}
          onClose={() => setWatched(undefined)}
        />
      )}
    </div>
  );
}

const Failures = ({ of }: { of: readonly unknown[] }) => {
  const error = of.find((one) => one !== undefined);
  return error === undefined ? null : <ErrorNote error={error} />;
};

function StartForm({ busy, onStart }: { busy: boolean; onStart: (line: string) => void }) {
  const [line, setLine] = useState('');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onStart(line);
    setLine('');
  };
  return (
    <form className="start-process" onSubmit={submit}>
      <input
        aria-label="Command to start in the background"
        placeholder="command to start, as sh reads it"
        autoComplete="off"
        spellCheck={false}
        required
        value={line}
        onChange={(event) => setLine(event.target.value)}
      />
      <Button type="submit" kind="primary" busy={busy}>
        Start
      </Button>
    </form>
  );
}
