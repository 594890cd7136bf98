import { useEffect, useState } from 'react';
import type { FormEvent } from 'react';
import { useConsole } from '../../live/console-context.ts';
import { navigate } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { CopyCommand } from '../../ui/copy-command.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { useAction } from '../../ui/use-action.ts';
import { BasicFields, MoreFields } from './create-fields.tsx';
import { emptyForm, toCommand, toOptions, toProgram } from './create-form.ts';
import type { CreateForm } from './create-form.ts';

/** The names of the workspace's secrets; none for who may not see them. */
function useSecretNames(): string[] {
  const { clients } = useConsole();
  const [names, setNames] = useState<string[]>([]);
  useEffect(() => {
    const ending = new AbortController();
    clients.admin.listSecrets({ signal: ending.signal }).then(
      (secrets) => setNames(secrets.map(({ name }) => name)),
      () => {},
    );
    return () => ending.abort();
  }, [clients]);
  return names;
}

/** Asks what to create, and shows how a program and a command line ask for the same. */
export function CreateDialog({ onClose }: { onClose: () => void }) {
  const { clients } = useConsole();
  const secretNames = useSecretNames();
  const [form, setForm] = useState<CreateForm>(emptyForm);
  const options = toOptions(form);
  const create = useAction(async () => {
    const { sandboxId } = await clients.sandboxes.create(options);
    onClose();
    navigate(`/sandbox/${sandboxId}`);
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void create.run();
  };
  const change = (changes: Partial<CreateForm>): void => setForm((was) => ({ ...was, ...changes }));
  return (
    <Dialog title="Create a sandbox" onClose={onClose} wide>
      <form onSubmit={submit} className="create">
        <div className="dialog-body">
          <BasicFields form={form} onChange={change} />
          <details>
            <summary>Network, volumes, secrets and ports</summary>
            <MoreFields form={form} onChange={change} secretNames={secretNames} />
          </details>
          <SameElsewhere command={toCommand(options)} program={toProgram(options)} />
        </div>
        {create.error !== undefined && <ErrorNote error={create.error} />}
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={create.busy}>
            {create.busy ? 'Creating…' : 'Create'}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}

function SameElsewhere({ command, program }: { command: string; program: string }) {
  const [shown, setShown] = useState<'cli' | 'sdk'>('cli');
  return (
    <section className="same" aria-label="The same in a terminal or a program">
      <div className="filters" role="group" aria-label="Form">
        {(['cli', 'sdk'] as const).map((form) => (
          <button
            key={form}
            type="button"
            className="chip"
            aria-pressed={shown === form}
            onClick={() => setShown(form)}
          >
            {form === 'cli' ? 'Command line' : 'TypeScript'}
          </button>
        ))}
      </div>
      <CopyCommand command={shown === 'cli' ? command : program} label="Copy the code" />
    </section>
  );
}
