import { useConsole } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { formatTime } from '../../ui/format.ts';
import { useLoad } from '../../ui/use-load.ts';
import { CheckList, summaryOf } from './check-list.tsx';

/** What the doctor says of the server's machine. */
export function Checks() {
  const { clients } = useConsole();
  const { value, error, busy, reload } = useLoad('checks', (signal) =>
    clients.admin.serverHealth.check({ signal }),
  );
  return (
    <section className="part" aria-label="Checks of the machine">
      <div className="row spread">
        <h2>Checks of the machine</h2>
        <Button busy={busy} onClick={reload}>
          Check again
        </Button>
      </div>
      {error !== undefined && <ErrorNote error={error} />}
      {value === undefined && busy && <p className="dim">Checking, which takes some seconds…</p>}
      {value !== undefined && (
        <>
          <p className="dim" role="status">
            {summaryOf(value.checks)}, {formatTime(value.at)}
          </p>
          <CheckList checks={value.checks} />
        </>
      )}
    </section>
  );
}
