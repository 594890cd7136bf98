import { tell } from '../session/clients.ts';

interface Props {
  error: unknown;
  /** What did not work. */
  what?: string;
}

/** An error with what to do next and what to look for in the log. */
export function ErrorNote({ error, what }: Props) {
  const { message, hint, requestId } = tell(error);
  return (
    <div className="error-note" role="alert">
      {what !== undefined && <strong>{what}</strong>}
      <p>{message}</p>
      {hint !== undefined && <p className="dim">{hint}</p>}
      {requestId !== undefined && (
        <p className="dim">
          Request <code>{requestId}</code>
        </p>
      )}
    </div>
  );
}
