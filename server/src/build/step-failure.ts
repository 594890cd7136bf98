/** A step that did not succeed, for reasons that its author can do something about. */
export class StepFailure extends Error {
  readonly exitCode: number | undefined;
  readonly shortOf: 'memory' | 'disk' | undefined;
  readonly hint: string | undefined;

  constructor(
    message: string,
    options: { exitCode?: number; shortOf?: 'memory' | 'disk'; hint?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'StepFailure';
    this.exitCode = options.exitCode;
    this.shortOf = options.shortOf;
    this.hint = options.hint;
  }
}
