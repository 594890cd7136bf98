import type { ReactNode } from 'react';
import { Button } from './button.tsx';
import { Dialog } from './dialog.tsx';
import { ErrorNote } from './error-note.tsx';
import { useAction } from './use-action.ts';

interface Props {
  title: string;
  /** What will be lost. */
  children: ReactNode;
  /** What the button says: the deed. */
  deed: string;
  act: () => Promise<unknown>;
  onClose: () => void;
}

/** Asks once before something is lost. */
export function Confirm({ title, children, deed, act, onClose }: Props) {
  const action = useAction(async () => {
    await act();
    onClose();
  });
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="dialog-body">{children}</div>
      {action.error !== undefined && <ErrorNote error={action.error} />}
      <footer>
        <Button onClick={onClose}>Keep</Button>
        <Button kind="danger" busy={action.busy} onClick={() => void action.run()}>
          {deed}
        </Button>
      </footer>
    </Dialog>
  );
}
