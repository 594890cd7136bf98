import type { NetworkReport, SandboxInfo } from '@atoll/sdk';
import { useConsole } from '../../../live/console-context.ts';
import { Button } from '../../../ui/button.tsx';
import { ErrorNote } from '../../../ui/error-note.tsx';
import { formatBytes, formatTime } from '../../../ui/format.ts';
import { useLoad } from '../../../ui/use-load.ts';
import { reachOf } from './reach.ts';

/** What went through the network of a sandbox, and what was refused. */
export default function NetworkTab({ sandbox: { sandboxId, status } }: { sandbox: SandboxInfo }) {
  const { clients } = useConsole();
  const report = useLoad(`${sandboxId}:${status}`, (signal) =>
    clients.sandboxes.network(sandboxId, { signal }),
  );
  return (
    <div className="overview">
      <div className="row spread">
        <h2>Network</h2>
        <Button kind="quiet" busy={report.busy} onClick={report.reload}>
          Refresh
        </Button>
      </div>
      {report.error !== undefined && <ErrorNote error={report.error} />}
      {report.value && <Report report={report.value} />}
    </div>
  );
}

function Report({ report }: { report: NetworkReport }) {
  const { sent, received, refused } = report;
  const counts = [
    ['Sent', sent],
    ['Received', received],
    ['Refused', refused],
  ] as const;
  return (
    <>
      <dl className="panels counts">
        {counts.map(([name, { bytes, packets }]) => (
          <div className="panel" key={name}>
            <dt>{name}</dt>
            <dd>
              {formatBytes(bytes)}{' '}
              <span className="dim">
                {packets} {packets === 1 ? 'packet' : 'packets'}
              </span>
            </dd>
          </div>
        ))}
      </dl>
      <section className="panel" aria-label="Rules">
        <h3>Rules</h3>
        <dl className="facts">
          <Rule term="Internet" value={reachOf(report)} />
          <Rule term="Only to" value={report.allowOut.join(', ')} />
          <Rule term="Never to" value={report.denyOut.join(', ')} />
          <Rule term="Opened ranges" value={report.openRanges.join(', ')} />
        </dl>
      </section>
      <Refusals report={report} />
    </>
  );
}

const Rule = ({ term, value }: { term: string; value: string }) =>
  value === '' ? null : (
    <div>
      <dt>{term}</dt>
      <dd>{value}</dd>
    </div>
  );

function Refusals({ report: { refusals, refusedNames } }: { report: NetworkReport }) {
  const rows = [
    ...refusedNames.map(({ name, count, lastAt }) => ({ what: `name ${name}`, times: count, lastAt })),
    ...refusals.map(({ address, protocol, port, packets, lastAt }) => ({
      what: `${protocol} ${address}${port === undefined ? '' : `:${port}`}`,
      times: packets,
      lastAt,
    })),
  ].toSorted((a, b) => b.lastAt - a.lastAt);
  return (
    <section aria-label="Refused of late">
      <h3>Refused within the last hour</h3>
      {rows.length === 0 ? (
        <p className="dim">Nothing.</p>
      ) : (
        <table className="table inset">
          <thead>
            <tr>
              <th scope="col">Destination</th>
              <th scope="col" className="number">
                Times
              </th>
              <th scope="col">Last</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ what, times, lastAt }) => (
              <tr key={what}>
                <td>
                  <code>{what}</code>
                </td>
                <td className="number">{times}</td>
                <td className="dim">{formatTime(lastAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
