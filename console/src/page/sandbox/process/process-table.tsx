import type { ProcessInfo } from '@atoll/sdk';
import { formatDuration, formatTime } from '../../../ui/format.ts';
import { Status } from '../../../ui/status.tsx';
import { useNow } from '../../../ui/use-now.ts';

const SIGTERM = 15;
const SIGKILL = 9;

interface Props {
  processes: readonly ProcessInfo[];
  /** Whose output is shown. */
  watched: number | undefined;
  onWatch: (process: ProcessInfo) => void;
  onSignal: (process: ProcessInfo, signal: number) => void;
}

/** Processes that were started, the latest first. */
export function ProcessTable({ processes, watched, onWatch, onSignal }: Props) {
  const latestFirst = processes.toSorted((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
  const now = useNow();
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Processes">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Command</th>
            <th scope="col">Status</th>
            <th scope="col" className="wide-only number">
              Pid
            </th>
            <th scope="col" className="wide-only">
              Ran
            </th>
            <th scope="col">
              <span className="unseen">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {latestFirst.map((process) => (
            <tr key={`${process.pid}-${process.startedAt.getTime()}`} data-selected={process.pid === watched}>
              <td className="main-cell">
                <button type="button" className="as-link mono" onClick={() => onWatch(process)}>
                  {process.managed?.name ?? [process.command, ...process.args].join(' ')}
                </button>
              </td>
              <td>
                <Status of={process.status} /> <span className="dim">{endOf(process)}</span>
              </td>
              <td className="wide-only number dim">{process.pid}</td>
              <td className="wide-only dim" title={formatTime(process.startedAt)}>
                {formatDuration(
                  Math.max(0, (process.endedAt?.getTime() ?? now) - process.startedAt.getTime()),
                )}
              </td>
              <td className="row-actions">
                {process.status === 'running' && <Signals process={process} onSignal={onSignal} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const endOf = ({ exitCode, signal }: ProcessInfo): string => {
  if (exitCode !== undefined) return `code ${exitCode}`;
  return signal === undefined ? '' : `signal ${signal}`;
};

const Signals = ({ process, onSignal }: { process: ProcessInfo } & Pick<Props, 'onSignal'>) => (
  <>
    <button
      type="button"
      className="button quiet small"
      aria-label={`Ask ${process.pid} to end`}
      onClick={() => onSignal(process, SIGTERM)}
    >
      End
    </button>
    <button
      type="button"
      className="button quiet small"
      aria-label={`Kill ${process.pid}`}
      onClick={() => onSignal(process, SIGKILL)}
    >
      Kill
    </button>
  </>
);
