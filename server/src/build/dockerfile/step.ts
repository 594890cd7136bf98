import type { EnvEntry, ImageConfig } from './image-config.ts';
import type { NetworkMode, SecurityMode, StageInstruction } from './instruction.ts';
import type { Mount } from './mount.ts';
import type { SourceRange } from './source-file.ts';
import type { FileOrigin } from './stage-base.ts';

/** A file whose content stands in the Dockerfile. */
export interface InlineFile {
  readonly name: string;
  readonly content: string;
}

/** Files that COPY or ADD takes from the context, a stage or an image. */
export interface PathSource {
  readonly kind: 'path';
  /** As written, after expansion. */
  readonly text: string;
  /** From the origin's root: begins with `/`, never leaves it. */
  readonly path: string;
  /** Whether `*`, `?` or `[` in it are to be matched. */
  readonly isPattern: boolean;
  /** With --parents and `/./`: the part that is not recreated at the destination. */
  readonly pivot?: string;
}

export interface UrlSource {
  readonly kind: 'url';
  readonly url: string;
  /** The last part of the URL's path; absent when there is none. */
  readonly fileName?: string;
  /** `algorithm:hex`. */
  readonly checksum?: string;
}

export interface GitSource {
  readonly kind: 'git';
  readonly remote: string;
  readonly ref?: string;
  readonly subdirectory?: string;
  /** The commit that must have been checked out. */
  readonly commit?: string;
  readonly keepsGitDirectory: boolean;
  readonly takesSubmodules: boolean;
}

/** What every step knows. */
interface StepHead {
  /** The instruction on one line, as written. */
  readonly text: string;
  readonly file: string;
  readonly range: SourceRange;
  readonly instruction: StageInstruction['kind'];
  /** What the image's history says of the step. */
  readonly createdBy: string;
  /** The config after the step. */
  readonly config: ImageConfig;
}

/** A step that makes a layer: its result depends on its key, its parent's files and the files it reads. */
interface LayerStep extends StepHead {
  /** Canonical JSON of everything the step's result depends on, but for files. */
  readonly cacheKey: string;
}

export interface RunStep extends LayerStep {
  readonly kind: 'run';
  readonly argv: readonly string[];
  /** A heredoc with a `#!` line: an executable file that must exist at its path while the step runs. */
  readonly script?: { readonly path: string; readonly content: string };
  readonly mounts: readonly Mount[];
  readonly network: NetworkMode;
  readonly security: SecurityMode;
  /** The whole environment, build arguments included. */
  readonly env: readonly EnvEntry[];
  /** Names of `env` that neither the cache nor the history may depend on. */
  readonly proxyNames: readonly string[];
  readonly user: string;
  readonly workdir: string;
}

/** What COPY and ADD share. */
export interface TransferFields {
  readonly files: readonly InlineFile[];
  /** Absolute. A `/` at its end makes it a directory. */
  readonly destination: string;
  /** `user[:group]`, names or numbers. */
  readonly chown?: string;
  /** Octal, or symbolic as chmod(1) takes it. */
  readonly chmod?: string;
  readonly isLink: boolean;
  readonly exclude: readonly string[];
}

export interface CopyStep extends LayerStep, TransferFields {
  readonly kind: 'copy';
  readonly from: FileOrigin | { readonly kind: 'context' };
  readonly sources: readonly PathSource[];
  readonly keepsParents: boolean;
}

export interface AddStep extends LayerStep, TransferFields {
  readonly kind: 'add';
  readonly sources: readonly (PathSource | UrlSource | GitSource)[];
  /** Absent: local archives are unpacked, downloaded ones are not. */
  readonly unpacks?: boolean;
}

/** Makes the directory unless it exists. */
export interface WorkdirStep extends LayerStep {
  readonly kind: 'workdir';
  readonly path: string;
}

/** Changes the config alone: no layer, no key. */
export interface ConfigStep extends StepHead {
  readonly kind: 'config';
}

export type Step = RunStep | CopyStep | AddStep | WorkdirStep | ConfigStep;
