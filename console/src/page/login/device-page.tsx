import { useState } from 'react';
import type { FormEvent } from 'react';
import { useConsole } from '../../live/console-context.ts';
import { useQuery } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Field } from '../../ui/field.tsx';
import { useAction } from '../../ui/use-action.ts';

/** Approves the login of a command line or of another device: it gets a token of who is logged in here. */
export default function DevicePage() {
  const { clients, identity } = useConsole();
  const [query] = useQuery();
  const [code, setCode] = useState(query.get('user_code') ?? '');
  const [approved, setApproved] = useState(false);
  const approve = useAction(async () => {
    await clients.admin.approveLogin(code.trim());
    setApproved(true);
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void approve.run();
  };
  return (
    <section className="page">
      <div className="empty">
        <h1>Log in a device</h1>
        {approved ? (
          <p role="status">
            Approved. The device goes on by itself; this page can be closed. Its token is listed under
            Settings, API keys.
          </p>
        ) : (
          <form className="approve" onSubmit={submit}>
            <p>
              Approve only a code that you see on your own device. It will act as{' '}
              <strong>{identity.member.name}</strong>, wherever that member has a role.
            </p>
            <Field label="Code" note="As the device shows it.">
              <input
                name="code"
                required
                autoComplete="off"
                spellCheck={false}
                placeholder="ABCD-EFGH"
                value={code}
                onChange={(event) => setCode(event.target.value)}
              />
            </Field>
            {approve.error !== undefined && <ErrorNote error={approve.error} />}
            <Button type="submit" kind="primary" busy={approve.busy}>
              Approve
            </Button>
          </form>
        )}
      </div>
    </section>
  );
}
