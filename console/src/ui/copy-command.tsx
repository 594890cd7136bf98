import { useState } from 'react';

const SAID_MS = 1_500;

/** A command, or a piece of code, with a button that copies it. */
export function CopyCommand({ command, label = 'Copy the command' }: { command: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(command);
    setCopied(true);
    setTimeout(() => setCopied(false), SAID_MS);
  };
  return (
    <div className="copy-command">
      <pre tabIndex={0}>
        <code>{command}</code>
      </pre>
      <button type="button" className="button quiet small" aria-label={label} onClick={() => void copy()}>
        {copied ? 'Copied' : 'Copy'}
      </button>
    </div>
  );
}
