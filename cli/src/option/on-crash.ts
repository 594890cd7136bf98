import { oneOf, value } from '../parameter.ts';

/** What becomes of a sandbox whose runtime dies. */
export const onCrashOption = value(
  '--on-crash <what>',
  'terminate (default), or restore: go on from the last memory snapshot',
  oneOf(['terminate', 'restore']),
);
