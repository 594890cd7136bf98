import { ApiError } from '@atoll/protocol';

const namePattern = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
const idPattern = /^[a-z0-9]{21}$/;

/** Whether an identifier can only be an id: names never look like one (tensorlake wire 1.4.1). */
const looksLikeId = (identifier: string): boolean => idPattern.test(identifier);

/** Throws `invalid_name` unless a sandbox may have this name. */
export function checkName(name: string): void {
  if (name.length <= 63 && namePattern.test(name) && !looksLikeId(name)) return;
  throw new ApiError('invalid_name', `${JSON.stringify(name.slice(0, 80))} is no name for a sandbox`);
}
