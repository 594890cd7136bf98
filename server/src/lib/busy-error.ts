/** Something is still used by those who were to lose it. */
export class BusyError extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} is still in use`, options);
    this.name = 'BusyError';
  }
}
