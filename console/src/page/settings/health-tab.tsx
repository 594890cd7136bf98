import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { CopyCommand } from '../../ui/copy-command.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Fact, Facts } from '../../ui/facts.tsx';
import { Status } from '../../ui/status.tsx';
import { useLoad } from '../../ui/use-load.ts';

/** How the server stands, as far as it says so to this key. */
export function HealthTab() {
  const { clients, identity } = useConsole();
  const { link, sandboxes, builds } = useWorkspace();
  const { value, error } = useLoad(link.kind, (signal) => clients.admin.health({ signal }));
  const states = Map.groupBy(sandboxes.values(), ({ status }) => status);
  const waiting = [...builds.values()].filter(({ status }) => status === 'queued' || status === 'running');
  return (
    <div className="overview">
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
          <Fact term="Builds going on">{String(waiting.length)}</Fact>
        </Facts>
      </div>
      <section className="part" aria-label="On the server's machine">
        <h3>On the server's machine</h3>
        <CopyCommand command="atoll doctor" />
        <p className="dim">
          It checks the kernel, the runtime, the network and the disk, and says what to mend.
        </p>
      </section>
    </div>
  );
}
