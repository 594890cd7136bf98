import { useState } from 'react';
import type { FormEvent } from 'react';
import type { PortUrl, SandboxInfo } from '@atoll/sdk';
import { useConsole } from '../../../live/console-context.ts';
import { Button } from '../../../ui/button.tsx';
import { CopyCommand } from '../../../ui/copy-command.tsx';
import { Empty } from '../../../ui/empty.tsx';
import { ErrorNote } from '../../../ui/error-note.tsx';
import { useAction } from '../../../ui/use-action.ts';
import { Links } from './links.tsx';

/** Servers in the sandbox that are reached from outside. */
export default function PortsTab({ sandbox }: { sandbox: SandboxInfo }) {
  const { clients, mayChange } = useConsole();
  const { sandboxId, name, portUrls, allowUnauthenticatedAccess, status } = sandbox;
  const change = useAction((ports: number[], isOpen: boolean) =>
    clients.sandboxes.update(sandboxId, { exposedPorts: ports, allowUnauthenticatedAccess: isOpen }),
  );
  const { exposedPorts } = sandbox;
  const expose = (port: number): void =>
    void change.run([...new Set([...exposedPorts, port])], allowUnauthenticatedAccess);
  const unexpose = (port: number): void => {
    const left = exposedPorts.filter((one) => one !== port);
    void change.run(left, left.length > 0 && allowUnauthenticatedAccess);
  };
  const isOver = status === 'terminated';
  return (
    <div className="overview">
      {mayChange && !isOver && <ExposeForm busy={change.busy} onExpose={expose} />}
      {change.error !== undefined && <ErrorNote error={change.error} />}
      {exposedPorts.length === 0 ? (
        <Empty title="No port is exposed" command={`atoll sbx port expose ${name ?? sandboxId} 8080`}>
          <p>What a server in the sandbox listens on can be reached from outside once its port is exposed.</p>
        </Empty>
      ) : (
        <>
          <label className="check">
            <input
              type="checkbox"
              checked={allowUnauthenticatedAccess}
              disabled={!mayChange || isOver || change.busy}
              onChange={(event) => void change.run(exposedPorts, event.target.checked)}
            />
            Anybody who knows an address may use it, without a key
          </label>
          <ul className="cards">
            {portUrls.map((urls) => (
              <Port
                key={urls.port}
                urls={urls}
                onRemove={mayChange && !isOver ? () => unexpose(urls.port) : undefined}
                isOpen={allowUnauthenticatedAccess}
              />
            ))}
          </ul>
        </>
      )}
      {mayChange && !isOver && <Links sandboxId={sandboxId} />}
    </div>
  );
}

function ExposeForm({ busy, onExpose }: { busy: boolean; onExpose: (port: number) => void }) {
  const [port, setPort] = useState('');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onExpose(Number(port));
    setPort('');
  };
  return (
    <form className="row" onSubmit={submit}>
      <input
        className="short"
        type="number"
        min="1"
        max="65535"
        required
        aria-label="Port to expose"
        placeholder="8080"
        value={port}
        onChange={(event) => setPort(event.target.value)}
      />
      <Button type="submit" kind="primary" busy={busy}>
        Expose
      </Button>
    </form>
  );
}

interface PortProps {
  urls: PortUrl;
  isOpen: boolean;
  onRemove: (() => void) | undefined;
}

const Port = ({ urls: { port, url, localUrl }, isOpen, onRemove }: PortProps) => (
  <li className="panel">
    <div className="row spread">
      <h3>Port {port}</h3>
      <div className="row">
        {isOpen && (
          <a className="button small" href={url} target="_blank" rel="noreferrer">
            Open
          </a>
        )}
        {onRemove !== undefined && (
          <Button kind="quiet" className="small" onClick={onRemove} aria-label={`Stop exposing port ${port}`}>
            Stop exposing
          </Button>
        )}
      </div>
    </div>
    <CopyCommand command={url} label="Copy the address" />
    {localUrl !== undefined && (
      <p className="dim">
        On the server's own machine also <code>{localUrl}</code>
      </p>
    )}
  </li>
);
