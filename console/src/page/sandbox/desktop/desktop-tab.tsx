import { useState } from 'react';
import type { FormEvent } from 'react';
import type { SandboxInfo } from '@atoll/sdk';
import { Button } from '../../../ui/button.tsx';
import { Empty } from '../../../ui/empty.tsx';
import { Awake } from '../awake.tsx';
import { DesktopScreen } from './desktop-screen.tsx';
import type { DesktopPlace } from './desktop-screen.tsx';

/** Of the image `ubuntu-vnc`. */
const usual: DesktopPlace = { port: 5901, password: 'tensorlake' };

/** The screen of a VNC server in a sandbox, with mouse and keys. */
export default function DesktopTab({ sandbox }: { sandbox: SandboxInfo }) {
  return (
    <Awake sandbox={sandbox}>
      <Desktop sandbox={sandbox} />
    </Awake>
  );
}

function Desktop({ sandbox: { sandboxId, image } }: { sandbox: SandboxInfo }) {
  const [place, setPlace] = useState(image?.includes('vnc') ? usual : undefined);
  const [attempt, setAttempt] = useState(0);
  const connect = (to: DesktopPlace): void => {
    setPlace(to);
    setAttempt((was) => was + 1);
  };
  return (
    <div className="overview desktop-tab">
      <PlaceForm onConnect={connect} />
      {place === undefined ? (
        <Empty title="See its desktop" command="atoll sbx create my-desktop --image ubuntu-vnc">
          <p>
            Sandboxes of the image ubuntu-vnc have one. Any VNC server on the loopback of a sandbox will do.
          </p>
        </Empty>
      ) : (
        <DesktopScreen key={attempt} sandboxId={sandboxId} {...place} onReconnect={() => connect(place)} />
      )}
    </div>
  );
}

function PlaceForm({ onConnect }: { onConnect: (place: DesktopPlace) => void }) {
  const [port, setPort] = useState(String(usual.port));
  const [password, setPassword] = useState(usual.password);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onConnect({ port: Number(port), password });
  };
  return (
    <form className="row" onSubmit={submit}>
      <input
        className="short"
        type="number"
        min="1"
        max="65535"
        required
        aria-label="Port of the VNC server"
        value={port}
        onChange={(event) => setPort(event.target.value)}
      />
      <input
        className="short"
        type="password"
        autoComplete="off"
        aria-label="Password of the VNC server"
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" kind="primary">
        Connect
      </Button>
    </form>
  );
}
