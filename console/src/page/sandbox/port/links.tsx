import { useState } from 'react';
import type { FormEvent } from 'react';
import { useConsole } from '../../../live/console-context.ts';
import { Button } from '../../../ui/button.tsx';
import { Confirm } from '../../../ui/confirm.tsx';
import { CopyCommand } from '../../../ui/copy-command.tsx';
import { Dialog } from '../../../ui/dialog.tsx';
import { ErrorNote } from '../../../ui/error-note.tsx';
import { formatTime } from '../../../ui/format.ts';
import { QrCode } from '../../../ui/qr-code.tsx';
import { useAction } from '../../../ui/use-action.ts';
import { useLoad } from '../../../ui/use-load.ts';
import { createLink, readLinks } from './read-links.ts';
import type { Link } from './read-links.ts';

const HOUR_MS = 3_600_000;
const lifetimes = [
  { label: '1 hour', ms: HOUR_MS },
  { label: '1 day', ms: 24 * HOUR_MS },
  { label: '7 days', ms: 7 * 24 * HOUR_MS },
  { label: '30 days', ms: 30 * 24 * HOUR_MS },
];

/** Addresses for people who have no key: each opens one port, until it ends. */
export function Links({ sandboxId }: { sandboxId: string }) {
  const { clients } = useConsole();
  const previews = clients.sandboxes.previews(sandboxId);
  const { value: links = [], error, reload } = useLoad(sandboxId, () => readLinks(previews));
  const [shown, show] = useState<Link>();
  const [ending, end] = useState<Link>();
  const create = useAction(async (port: number, lifetimeMs: number) => {
    show(await createLink(previews, port, lifetimeMs));
    reload();
  });
  return (
    <section className="panel" aria-labelledby="links">
      <h3 id="links">Links for people without a key</h3>
      <LinkForm busy={create.busy} onCreate={(port, lifetimeMs) => void create.run(port, lifetimeMs)} />
      {create.error !== undefined && <ErrorNote error={create.error} />}
      {error !== undefined && <ErrorNote error={error} />}
      {links.length === 0 ? (
        <p className="dim">
          A link opens one port to whoever has it, and ends at its time or when you end it.
        </p>
      ) : (
        <ul className="links">
          {links.map((link) => (
            <LinkRow key={link.address} link={link} onShow={() => show(link)} onEnd={() => end(link)} />
          ))}
        </ul>
      )}
      {shown && <LinkDialog link={shown} onClose={() => show(undefined)} />}
      {ending && (
        <Confirm
          title={`End the link to port ${ending.port}?`}
          deed="End the link"
          act={() => ending.preview.tokens.delete(ending.token.name).then(reload)}
          onClose={() => end(undefined)}
        >
          Whoever has it is let in no more. The sandbox and what it serves go on.
        </Confirm>
      )}
    </section>
  );
}

interface FormProps {
  busy: boolean;
  onCreate: (port: number, lifetimeMs: number) => void;
}

function LinkForm({ busy, onCreate }: FormProps) {
  const [port, setPort] = useState('');
  const [lifetimeMs, setLifetimeMs] = useState(HOUR_MS);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onCreate(Number(port), lifetimeMs);
  };
  return (
    <form className="row" onSubmit={submit}>
      <input
        className="short"
        type="number"
        min="1"
        max="65535"
        required
        aria-label="Port of the link"
        placeholder="8080"
        value={port}
        onChange={(event) => setPort(event.target.value)}
      />
      <select
        className="short"
        aria-label="How long the link holds"
        value={lifetimeMs}
        onChange={(event) => setLifetimeMs(Number(event.target.value))}
      >
        {lifetimes.map(({ label, ms }) => (
          <option key={ms} value={ms}>
            {label}
          </option>
        ))}
      </select>
      <Button type="submit" busy={busy}>
        Make a link
      </Button>
    </form>
  );
}

interface RowProps {
  link: Link;
  onShow: () => void;
  onEnd: () => void;
}

const LinkRow = ({ link: { port, token }, onShow, onEnd }: RowProps) => (
  <li className="row spread">
    <span>
      Port {port}
      <span className="dim">{token.expiresAt && ` · until ${formatTime(token.expiresAt)}`}</span>
    </span>
    <span className="row">
      <Button className="small" onClick={onShow} aria-label={`Show the link to port ${port}`}>
        Show
      </Button>
      <Button kind="quiet" className="small" onClick={onEnd} aria-label={`End the link to port ${port}`}>
        End
      </Button>
    </span>
  </li>
);

const LinkDialog = ({ link: { port, address, token }, onClose }: { link: Link; onClose: () => void }) => (
  <Dialog title={`Link to port ${port}`} onClose={onClose}>
    <div className="dialog-body link">
      <QrCode text={address} label={`QR code of the link to port ${port}`} />
      <CopyCommand command={address} label="Copy the link" />
      <p className="dim">
        Who has it sees what port {port} serves{token.expiresAt && ` until ${formatTime(token.expiresAt)}`}.
      </p>
    </div>
    <footer>
      <a className="button" href={address} target="_blank" rel="noreferrer">
        Open
      </a>
      <Button kind="primary" onClick={onClose}>
        Done
      </Button>
    </footer>
  </Dialog>
);
