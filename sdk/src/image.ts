import { defaultImage } from '@atoll/protocol';
import { buildImage } from './image-build.ts';
import type { BuildImageOptions, BuiltImage } from './image-build.ts';

/** One step of an image definition. `options` become flags: `{chown: '1000'}` is `--chown=1000`. */
export interface ImageBuildOperation {
  type: 'ADD' | 'ARG' | 'COPY' | 'ENV' | 'RUN' | 'USER' | 'WORKDIR';
  args: readonly string[];
  options: Readonly<Record<string, string>>;
}

export interface ImageOptions {
  /** What the image is registered as unless the build says otherwise. Default `default`. */
  name?: string;
  tag?: string;
  /** A registered image or any OCI reference. Default `tensorlake/ubuntu-minimal`. */
  baseImage?: string | null;
}

type Flags = Record<string, string>;

/** A sandbox image in code: a base and the steps on top of it. Methods add a step and return the image. */
export class Image {
  readonly name: string;
  readonly tag: string;
  readonly baseImage: string;
  readonly #operations: ImageBuildOperation[] = [];

  constructor(nameOrOptions: string | ImageOptions = {}, tag?: string, baseImage?: string | null) {
    const given =
      typeof nameOrOptions === 'string' ? { name: nameOrOptions, tag, baseImage } : { ...nameOrOptions };
    this.name = given.name ?? 'default';
    this.tag = given.tag ?? 'latest';
    this.baseImage = given.baseImage ?? defaultImage;
  }

  /** Begins an image on a registered image or any OCI reference. */
  static from(baseImage: string, options: Omit<ImageOptions, 'baseImage'> = {}): Image {
    return new Image({ ...options, baseImage });
  }

  get buildOperations(): readonly ImageBuildOperation[] {
    return this.#operations;
  }

  /** Runs a shell command. Several strings are parts of one command. */
  run(commands: string | readonly string[], options: Flags = {}): this {
    return this.#add('RUN', typeof commands === 'string' ? [commands] : commands, options);
  }

  /** Copies a file or folder of the build context. */
  copy(source: string, destination: string, options: Flags = {}): this {
    return this.#add('COPY', [source, destination], options);
  }

  /** As `copy`; also unpacks local tar archives and fetches URLs. */
  add(source: string, destination: string, options: Flags = {}): this {
    return this.#add('ADD', [source, destination], options);
  }

  /** Sets a variable for later steps and for sandboxes. `$NAME` in the value is expanded. */
  env(key: string, value: string): this {
    return this.#add('ENV', [key, value]);
  }

  /** Declares a build argument. */
  arg(name: string, defaultValue?: string): this {
    return this.#add('ARG', defaultValue === undefined ? [name] : [name, defaultValue]);
  }

  /** Sets the folder of later steps and of sandboxes. */
  workdir(directory: string): this {
    return this.#add('WORKDIR', [directory]);
  }

  /** Sets the user of later steps and of sandboxes. */
  user(name: string): this {
    return this.#add('USER', [name]);
  }

  /** Whether a step reads a file of the client's machine. */
  get needsContext(): boolean {
    return needsContext(this.#operations);
  }

  /** The definition as a Dockerfile. */
  toDockerfile(): string {
    return `${[`FROM ${this.baseImage}`, ...this.#operations.map(renderOperation)].join('\n')}\n`;
  }

  /** Builds the image and registers it under `registeredName`, by default its own name. */
  build(options: BuildImageOptions = {}): Promise<BuiltImage> {
    return buildImage(
      {
        kind: 'definition',
        name: this.name,
        dockerfile: this.toDockerfile(),
        needsContext: this.needsContext,
      },
      options,
    );
  }

  #add(type: ImageBuildOperation['type'], args: readonly string[], options: Flags = {}): this {
    this.#operations.push({ type, args: [...args], options: { ...options } });
    return this;
  }
}

/** The Dockerfile of a definition. */
export const dockerfileContent = (image: Image): string => image.toDockerfile();

function needsContext(operations: readonly ImageBuildOperation[]): boolean {
  return operations.some(
    ({ type, args, options }) =>
      (type === 'COPY' || type === 'ADD') &&
      options['from'] === undefined &&
      !/^[a-z+]+:\/\//.test(args[0] ?? ''),
  );
}

/** One instruction of a Dockerfile. */
export function renderOperation({ type, args, options }: ImageBuildOperation): string {
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  return [type, ...flags, renderArguments(type, args)].join(' ');
}

function renderArguments(type: ImageBuildOperation['type'], args: readonly string[]): string {
  const [first = '', second = ''] = args;
  if (type === 'ENV') return `${first}=${JSON.stringify(second)}`;
  if (type === 'ARG') return args.length > 1 ? `${first}=${JSON.stringify(second)}` : first;
  if (type === 'RUN') return renderCommand(args.join(' '));
  const isPlain = args.every((argument) => /^[^\s"'[\]\\]+$/.test(argument));
  return type === 'WORKDIR' || type === 'USER' || isPlain ? args.join(' ') : JSON.stringify(args);
}

/** A command of several lines is a here-document, unless it continues its lines by itself. */
function renderCommand(command: string): string {
  const lines = command.split('\n');
  if (lines.slice(0, -1).every((line) => /\\\s*$/.test(line))) return command;
  let word = 'EOF';
  while (lines.some((line) => line.trim() === word)) word += '_';
  return `<<'${word}'\n${command}\n${word}`;
}
