import { ApiError } from '@atoll/protocol';

/** A variable for the kernel takes 128 KiB with its name; a sandbox with the most secrets stays far below the 2 MiB of all. */
const MAX_VALUE_BYTES = 32 * 1024;
const MAX_NAME_LENGTH = 128;
/** How many secrets one sandbox may have. */
const MAX_SECRETS_OF_SANDBOX = 32;

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Throws `invalid_name` unless a secret may have this name: it becomes the name of an environment variable. */
export function checkSecretName(name: string): void {
  if (name.length <= MAX_NAME_LENGTH && namePattern.test(name)) return;
  throw new ApiError('invalid_name', `${JSON.stringify(name.slice(0, 80))} is no name for a secret`, {
    hint: `Use letters, digits and "_", at most ${MAX_NAME_LENGTH}, not beginning with a digit.`,
  });
}

/** Throws unless a process can be given this value. Never says what the value is. */
export function checkSecretValue(name: string, value: string): void {
  if (value.includes('\0'))
    throw new ApiError('invalid_request', `the value of ${name} holds a NUL character`);
  const sizeBytes = Buffer.byteLength(value);
  if (sizeBytes <= MAX_VALUE_BYTES) return;
  throw new ApiError(
    'limit_exceeded',
    `the value of ${name} has ${sizeBytes} bytes; ${MAX_VALUE_BYTES} are allowed`,
    {
      hint: 'Put larger values into files of the sandbox.',
    },
  );
}

/** Throws when a sandbox asks for more than its processes could start with. */
export function checkSecretCount(names: readonly string[]): void {
  if (names.length <= MAX_SECRETS_OF_SANDBOX) return;
  throw new ApiError(
    'limit_exceeded',
    `a sandbox may have ${MAX_SECRETS_OF_SANDBOX} secrets; ${names.length} were asked for`,
  );
}
