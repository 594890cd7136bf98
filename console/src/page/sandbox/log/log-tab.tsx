import type { SandboxInfo } from '@atoll/sdk';
import { useConsole } from '../../../live/console-context.ts';
import { useQuery } from '../../../router.tsx';
import { CopyCommand } from '../../../ui/copy-command.tsx';
import { ErrorNote } from '../../../ui/error-note.tsx';
import { LineList } from './line-list.tsx';
import { useLines } from './use-lines.ts';
import type { Line } from './use-lines.ts';

/** Of what was printed before, as much as the server gives in one answer. */
const TAIL = 1_000;

/** What the processes of a sandbox printed, kept beyond their end and beyond that of the sandbox. */
export default function LogTab({ sandbox: { sandboxId, name, status } }: { sandbox: SandboxInfo }) {
  const { clients } = useConsole();
  const [query, setQuery] = useQuery();
  const body = query.get('q') ?? '';
  const onlyErrors = query.get('level') === 'error';
  async function* read(signal: AbortSignal): AsyncGenerator<Line> {
    const levels = onlyErrors ? (['warn', 'error', 'fatal'] as const) : undefined;
    const wanted = { tail: TAIL, levels, body: body === '' ? undefined : body, signal };
    for await (const entry of clients.sandboxes.followLogs(sandboxId, wanted))
      yield { text: entry.body, isError: entry.stream === 'stderr', isRemark: entry.stream === 'server' };
  }
  const { lines, error, isOver } = useLines(`${sandboxId} ${onlyErrors} ${body}`, read);
  return (
    <div className="files">
      <div className="files-head">
        <input
          type="search"
          className="medium"
          aria-label="Only lines with this text"
          placeholder="Filter  /"
          value={body}
          onChange={(event) => setQuery({ q: event.target.value })}
        />
        <label className="check">
          <input
            type="checkbox"
            checked={onlyErrors}
            onChange={(event) => setQuery({ level: event.target.checked ? 'error' : '' })}
          />
          Standard error alone
        </label>
      </div>
      {error !== undefined && <ErrorNote error={error} what="The log broke off." />}
      <section className="log" aria-label="What was printed">
        <LineList lines={lines}>
          {isOver || status === 'running' ? 'No line fits, or nothing was printed.' : 'Nothing yet.'}
        </LineList>
      </section>
      <div className="log-command">
        <CopyCommand
          command={`atoll sbx logs ${status === 'terminated' ? sandboxId : (name ?? sandboxId)}`}
        />
      </div>
    </div>
  );
}
