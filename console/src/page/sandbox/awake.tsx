import type { ReactNode } from 'react';
import type { SandboxInfo } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { Link } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { useAction } from '../../ui/use-action.ts';

/** What is inside a sandbox is seen while it runs; looking must not wake it without being asked to. */
export function Awake({ sandbox, children }: { sandbox: SandboxInfo; children: ReactNode }) {
  const { clients } = useConsole();
  const resume = useAction(() => clients.sandboxes.resume(sandbox.sandboxId, { wait: false }));
  switch (sandbox.status) {
    case 'running':
    case 'snapshotting':
      return children;
    case 'suspended':
      return (
        <Empty title="The sandbox is suspended">
          <p className="dim">Its memory, processes and files are kept. Looking inside wakes it.</p>
          {resume.error !== undefined && <ErrorNote error={resume.error} />}
          <p>
            <Button kind="primary" busy={resume.busy} onClick={() => void resume.run()}>
              Wake it
            </Button>
          </p>
        </Empty>
      );
    case 'terminated':
      return (
        <Empty title="The sandbox has ended">
          <p>
            Nothing is left inside. Snapshots that were taken of it stay, and{' '}
            <Link to={`/sandbox/${sandbox.sandboxId}/logs`}>what it printed</Link> for seven days.
          </p>
        </Empty>
      );
    default:
      return <Empty title={`The sandbox is ${sandbox.status}`}>This page goes on when it runs.</Empty>;
  }
}
