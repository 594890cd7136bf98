import { useState } from 'react';
import type { FormEvent } from 'react';
import { openBrowserSession } from '@atoll/sdk';
import { Brand } from '../ui/brand.tsx';
import { Button } from '../ui/button.tsx';
import { CopyCommand } from '../ui/copy-command.tsx';
import { ErrorNote } from '../ui/error-note.tsx';
import { Field } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';

interface Props {
  /** Whether a session has just ended by itself. */
  ended: boolean;
  onLogin: () => Promise<void>;
}

/** Trades a key for a session; the key is forgotten at once. */
export function LoginPage({ ended, onLogin }: Props) {
  const [apiKey, setApiKey] = useState('');
  const login = useAction(async () => {
    await openBrowserSession({ apiUrl: window.location.origin, apiKey: apiKey.trim() });
    setApiKey('');
    await onLogin();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void login.run();
  };
  return (
    <main className="login">
      <Brand />
      <h1>Log in</h1>
      {ended && <p role="status">Your session has ended. Log in again to go on where you were.</p>}
      <form onSubmit={submit}>
        <Field label="API key" note="It is shown to the server once; this browser keeps a session instead.">
          <input
            type="password"
            name="api-key"
            autoComplete="current-password"
            spellCheck={false}
            autoFocus
            required
            value={apiKey}
            onChange={(event) => setApiKey(event.target.value)}
          />
        </Field>
        {login.error !== undefined && <ErrorNote error={login.error} />}
        <Button kind="primary" type="submit" busy={login.busy}>
          Log in
        </Button>
      </form>
      <section aria-label="Where to find a key">
        <p className="dim">On the server's machine, a key is made by:</p>
        <CopyCommand command="atoll key create console" />
      </section>
    </main>
  );
}
