import { useEffect, useRef, useState } from 'react';
import { formatBytes, formatElapsed } from '../../ui/format.ts';
import { Status } from '../../ui/status.tsx';
import { useNow } from '../../ui/use-now.ts';
import type { Step } from './build-log.ts';

/** The steps of a build as a timeline: each one's share of the time, and what it wrote. */
export function StepList({ steps }: { steps: readonly Step[] }) {
  const now = useNow();
  const begin = Math.min(...steps.map(({ startedAt }) => startedAt));
  const end = Math.max(begin + 1, ...steps.map((step) => endOf(step, now)));
  return (
    <ol className="steps">
      {steps.map((step) => (
        <StepRow key={step.step} step={step} begin={begin} end={end} now={now} />
      ))}
    </ol>
  );
}

const endOf = ({ startedAt, durationMs, state }: Step, now: number): number =>
  state === 'running' ? Math.max(startedAt, now) : startedAt + (durationMs ?? 0);

interface RowProps {
  step: Step;
  /** Of the whole build. */
  begin: number;
  end: number;
  now: number;
}

function StepRow({ step, begin, end, now }: RowProps) {
  const { title, state, startedAt, output, layerBytes } = step;
  const [chosen, setChosen] = useState<boolean>();
  // What goes on and what went wrong is open without being asked.
  const isOpen = chosen ?? (state === 'running' || state === 'failed');
  const span = end - begin;
  const until = endOf(step, now);
  const bar = {
    marginLeft: `${((startedAt - begin) / span) * 100}%`,
    width: `max(3px, ${((until - startedAt) / span) * 100}%)`,
  };
  return (
    <li data-state={state}>
      <button type="button" className="step-head" aria-expanded={isOpen} onClick={() => setChosen(!isOpen)}>
        <code className="step-title">{title}</code>
        <span className="dim number">{layerBytes !== undefined && formatBytes(layerBytes)}</span>
        <span className="number">{formatElapsed(until - startedAt)}</span>
        <Status of={state} />
      </button>
      <div className="step-track" aria-hidden="true">
        <div className="step-bar" style={bar} />
      </div>
      {isOpen && output !== '' && <Output text={output} />}
    </li>
  );
}

/** Stays at the end while it grows, unless somebody scrolled up to read. */
function Output({ text }: { text: string }) {
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    if (box.current !== null && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  return (
    <pre
      className="step-output"
      ref={box}
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        isAtEnd.current = scrollTop + clientHeight >= scrollHeight - 8;
      }}
    >
      {text}
    </pre>
  );
}
