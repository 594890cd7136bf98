import { roles } from '@atoll/protocol';
import type { Role } from '@atoll/protocol';
import { UsageError } from '../failure.ts';
import { oneOf, required, value } from '../parameter.ts';

export const role = value(`--role <role>`, roles.join(', '), oneOf(roles));

export const roleArgument = required('role', roles.join(', '));

export function parseRole(given: string): Role {
  const found = roles.find((known) => known === given);
  if (found !== undefined) return found;
  throw new UsageError(`"${given}" is not a role`, `Use ${roles.join(', ')}.`);
}
