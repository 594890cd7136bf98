import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { CopyCommand } from '../../ui/copy-command.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Fact, Facts } from '../../ui/facts.tsx';
import { Status } from '../../ui/status.tsx';
import { useLoad } from '../../ui/use-load.ts';
import { Checks } from './checks.tsx';
import { Machine } from './machine.tsx';

/** How the server stands, as far as it says so to this key: its machine is its operator's to see. */
export default function HealthPage() {
  const { identity } = useConsole();
  return (
    <section className="page">
      <header className="page-head">
        <h1>Health</h1>
      </header>
      <div className="overview">
        <Answers />
        {identity.isOperator ? (
          <>
            <Machine />
            <Checks />
          </>
        ) : (
          <section className="part" aria-label="On the server's machine">
            <h3>On the server's machine</h3>
            <CopyCommand command="atoll doctor" />
            <p className="dim">
              It checks the kernel, the runtime, the network and the disk, and says what to mend. The operator
              of the server sees the same on this page.
            </p>
          </section>
        )}
      </div>
    </section>
  );
}

/** Whether the server answers, and what goes on in this workspace. */
function Answers() {
  const { clients, identity } = useConsole();
  const { link, sandboxes, builds } = useWorkspace();
  const { value, error } = useLoad(link.kind, (signal) => clients.admin.health({ signal }));
  const states = Map.groupBy(sandboxes.values(), ({ status }) => status);
  const going = [...builds.values()].filter(({ status }) => /^(waiting|queued|running)$/.test(status));
  return (
    <>
      {error !== undefined && <ErrorNote error={error} what="The server does not answer" />}
      <div className="panels">
        <Facts title="Server">
          <Fact term="Status">{value !== undefined && <Status of={value.status} />}</Fact>
          <Fact term="Version">{value?.version}</Fact>
          <Fact term="Runtime">{identity.server.runtime}</Fact>
          <Fact term="Events">{link.kind}</Fact>
        </Facts>
        <Facts title="This workspace">
          {[...states].map(([status, members]) => (
            <Fact key={status} term={status}>
              {String(members.length)}
            </Fact>
          ))}
          <Fact term="Builds going on">{String(going.length)}</Fact>
        </Facts>
      </div>
    </>
  );
}
