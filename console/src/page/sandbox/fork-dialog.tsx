import { useState } from 'react';
import type { FormEvent } from 'react';
import type { SandboxInfo } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { navigate } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { CopyCommand } from '../../ui/copy-command.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Field } from '../../ui/field.tsx';
import { useAction } from '../../ui/use-action.ts';

/** Makes live copies, with memory and processes. */
export function ForkDialog({ sandbox, onClose }: { sandbox: SandboxInfo; onClose: () => void }) {
  const { clients } = useConsole();
  const { sandboxId, name } = sandbox;
  const [times, setTimes] = useState('1');
  const fork = useAction(async () => {
    const { sandboxes } = await clients.sandboxes.copy(sandboxId, { times: Number(times) });
    const failed = sandboxes.find(({ status }) => status === 'failed');
    if (failed !== undefined) throw new Error(failed.reason ?? 'a copy did not start');
    onClose();
    navigate(`/sandbox/${sandboxId}/lineage`);
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void fork.run();
  };
  return (
    <Dialog title={`Fork ${name ?? sandboxId}`} onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog-body">
          <p className="dim">
            Each copy is a sandbox of its own, with the memory, processes and files of now.
          </p>
          <Field label="Copies">
            <input
              type="number"
              min="1"
              max="64"
              required
              value={times}
              onChange={(event) => setTimes(event.target.value)}
            />
          </Field>
          <CopyCommand command={`atoll sbx copy ${name ?? sandboxId} --times ${times}`} />
          {fork.error !== undefined && <ErrorNote error={fork.error} />}
        </div>
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={fork.busy}>
            Fork
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
