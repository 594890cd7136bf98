import { useState } from 'react';
import type { SandboxInfo } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { navigate } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { useAction } from '../../ui/use-action.ts';
import { ForkDialog } from './fork-dialog.tsx';

type Asking = 'terminate' | 'fork' | undefined;

/** What can be done with a sandbox in its state. */
export function Actions({ sandbox }: { sandbox: SandboxInfo }) {
  const { clients } = useConsole();
  const { sandboxId, name, status } = sandbox;
  const [asking, setAsking] = useState<Asking>();
  // The events say when it is there.
  const settle = useAction((to: 'suspend' | 'resume') => clients.sandboxes[to](sandboxId, { wait: false }));
  const snapshot = useAction(() => clients.sandboxes.snapshot(sandboxId));
  const close = (): void => setAsking(undefined);
  const stands = status === 'running' || status === 'suspended';
  if (status === 'terminated') return null;
  return (
    <div className="row" role="toolbar" aria-label="Actions">
      {status === 'running' && (
        <Button
          busy={settle.busy}
          disabled={name === undefined}
          title={name === undefined ? 'Only a sandbox with a name can be suspended' : undefined}
          onClick={() => void settle.run('suspend')}
        >
          Suspend
        </Button>
      )}
      {status === 'suspended' && (
        <Button busy={settle.busy} onClick={() => void settle.run('resume')}>
          Resume
        </Button>
      )}
      <Button disabled={!stands} busy={snapshot.busy} onClick={() => void snapshot.run()}>
        Snapshot
      </Button>
      <Button disabled={!stands} onClick={() => setAsking('fork')}>
        Fork
      </Button>
      <Button kind="danger" onClick={() => setAsking('terminate')}>
        Terminate
      </Button>
      <Failure of={settle.error ?? snapshot.error} />
      {asking === 'fork' && <ForkDialog sandbox={sandbox} onClose={close} />}
      {asking === 'terminate' && (
        <Confirm
          title={`Terminate ${name ?? sandboxId}?`}
          deed="Terminate"
          act={async () => {
            await clients.sandboxes.delete(sandboxId);
            navigate('/');
          }}
          onClose={close}
        >
          <p>
            Its memory, its processes and the files that it wrote will be lost. Snapshots and volumes stay.
          </p>
        </Confirm>
      )}
    </div>
  );
}

const Failure = ({ of }: { of: unknown }) =>
  of === undefined ? null : (
    <div className="failure">
      <ErrorNote error={of} />
    </div>
  );
