import { integer, rest } from '../parameter.ts';
import type { ArgumentSpec } from '../parameter.ts';

const words = rest('ports', 'port numbers in the sandbox');

/** The argument `<ports...>`. */
export const ports: ArgumentSpec<number[]> = {
  ...words,
  read: (value) => words.read(value).map(integer(1, 65_535)),
};
