import { useState } from 'react';
import type { FormEvent } from 'react';
import { Button } from '../../../ui/button.tsx';
import { Dialog } from '../../../ui/dialog.tsx';
import { ErrorNote } from '../../../ui/error-note.tsx';
import { Field } from '../../../ui/field.tsx';
import { useAction } from '../../../ui/use-action.ts';

interface Props {
  title: string;
  deed: string;
  initial?: string;
  act: (name: string) => Promise<void>;
  onClose: () => void;
}

/** Asks for the name of a file or folder. */
export function NameDialog({ title, deed, initial = '', act, onClose }: Props) {
  const [name, setName] = useState(initial);
  const action = useAction(async () => {
    await act(name.trim());
    onClose();
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void action.run();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog-body">
          <Field label="Name">
            <input
              autoFocus
              required
              autoComplete="off"
              spellCheck={false}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          </Field>
          {action.error !== undefined && <ErrorNote error={action.error} />}
        </div>
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={action.busy}>
            {deed}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
