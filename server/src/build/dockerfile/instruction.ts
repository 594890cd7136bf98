import type { CommandForm } from './exec-form.ts';
import type { Heredoc } from './heredoc.ts';
import type { LogicalLine } from './logical-line.ts';
import type { MountFlag } from './mount-flag.ts';
import type { SourceRange } from './source-file.ts';
import type { Word } from './word.ts';

/** What every instruction knows about where it stands. */
export interface Place {
  readonly line: LogicalLine;
  readonly range: SourceRange;
  readonly keyword: Word;
  /** The instruction's text on one line, without its heredocs. */
  readonly text: string;
  readonly escape: string;
}

export interface Assignment {
  readonly name: Word;
  readonly value: Word;
}

export interface FromInstruction extends Place {
  readonly kind: 'from';
  readonly image: Word;
  readonly platform?: Word;
  /** As written; its name is its lower case. */
  readonly alias?: Word;
  readonly asKeyword?: Word;
}

export interface ArgInstruction extends Place {
  readonly kind: 'arg';
  readonly entries: readonly { readonly name: Word; readonly value?: Word }[];
}

export interface EnvInstruction extends Place {
  readonly kind: 'env';
  readonly entries: readonly Assignment[];
  /** `ENV name value` instead of `ENV name=value`. */
  readonly isLegacy: boolean;
}

export interface LabelInstruction extends Place {
  readonly kind: 'label';
  readonly entries: readonly Assignment[];
  readonly isLegacy: boolean;
}

export interface RunInstruction extends Place {
  readonly kind: 'run';
  readonly command: CommandForm;
  readonly heredocs: readonly Heredoc[];
  readonly mounts: readonly MountFlag[];
  readonly network: NetworkMode;
  readonly security: SecurityMode;
}

export type NetworkMode = 'default' | 'none' | 'host';
export type SecurityMode = 'sandbox' | 'insecure';

/** What COPY and ADD share. */
interface FileTransfer extends Place {
  readonly sources: readonly Word[];
  /** Sources that stand in the Dockerfile itself. */
  readonly heredocs: readonly Heredoc[];
  readonly destination: Word;
  readonly chown?: Word;
  readonly chmod?: Word;
  readonly isLink: boolean;
  readonly exclude: readonly Word[];
}

export interface CopyInstruction extends FileTransfer {
  readonly kind: 'copy';
  readonly from?: Word;
  readonly keepsParents: boolean;
}

export interface AddInstruction extends FileTransfer {
  readonly kind: 'add';
  readonly checksum?: Word;
  readonly keepsGitDirectory?: boolean;
  /** Absent: local archives are unpacked, downloaded ones are not. */
  readonly unpacks?: boolean;
}

export interface CommandInstruction extends Place {
  readonly kind: 'cmd' | 'entrypoint';
  readonly command: CommandForm;
}

export interface ShellInstruction extends Place {
  readonly kind: 'shell';
  readonly args: readonly string[];
}

/** Instructions whose argument is one text. */
export interface TextInstruction extends Place {
  readonly kind: 'user' | 'workdir' | 'stopsignal' | 'maintainer';
  readonly value: Word;
}

/** Instructions whose argument is a list. */
export interface ListInstruction extends Place {
  readonly kind: 'expose' | 'volume';
  readonly values: readonly Word[];
}

export interface HealthcheckInstruction extends Place {
  readonly kind: 'healthcheck';
  /** Absent for `HEALTHCHECK NONE`. */
  readonly command?: CommandForm;
  readonly timing: HealthTiming;
}

export interface HealthTiming {
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

export interface OnbuildInstruction extends Place {
  readonly kind: 'onbuild';
  /** The trigger's whole text, heredocs included, as an image's config keeps it. */
  readonly trigger: string;
  readonly triggered: StageInstruction;
}

/** What may stand in a stage. */
export type StageInstruction =
  | ArgInstruction
  | EnvInstruction
  | LabelInstruction
  | RunInstruction
  | CopyInstruction
  | AddInstruction
  | CommandInstruction
  | ShellInstruction
  | TextInstruction
  | ListInstruction
  | HealthcheckInstruction
  | OnbuildInstruction;

export type Instruction = FromInstruction | StageInstruction;
