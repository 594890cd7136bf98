const tones: Readonly<Record<string, string>> = {
  running: 'good',
  completed: 'good',
  local_ready: 'good',
  succeeded: 'good',
  ready: 'good',
  done: 'good',
  active: 'good',
  ok: 'good',
  cached: 'calm',
  queued: 'busy',
  pending: 'busy',
  snapshotting: 'busy',
  suspending: 'busy',
  in_progress: 'busy',
  waiting: 'busy',
  creating: 'busy',
  suspended: 'calm',
  'to look at': 'busy',
  failed: 'bad',
  cancelled: 'ended',
  terminated: 'ended',
};

/** How something stands, as a word and a dot; the dot alone would say nothing to many. */
export const Status = ({ of }: { of: string }) => (
  <span className={`status ${tones[of] ?? 'ended'}`}>
    <span className="dot" aria-hidden="true" />
    {of.replaceAll('_', ' ')}
  </span>
);
