import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { BlaxelSandbox } from '@atoll/protocol';
import { buildSandbox } from './build-sandbox.ts';
import type { BuildOptions } from './build-sandbox.ts';
import { hashOf, toDockerfile, withSandboxApi, writeDefinition } from './image-definition.ts';
import type { ImageDefinition } from './image-definition.ts';
import * as lines from './install-lines.ts';

/** Package names, with options in front of them or without. */
type Packages<O> = [options: O, ...packages: string[]] | string[];

const split = <O extends object>(given: Packages<O>): [Partial<O>, string[]] => {
  const [first, ...others] = given;
  if (typeof first === 'object') return [first, others as string[]]; // options stand in front alone
  return [{}, given as string[]]; // no options: all are names
};

/**
 * An image, described step by step: each method answers a new one and leaves its own as it was. `build` makes a sandbox
 * of it.
 */
export class ImageInstance {
  readonly #definition: ImageDefinition;

  private constructor(definition: ImageDefinition) {
    this.#definition = definition;
  }

  /** Begins with an image of a registry, e.g. `python:3.11-slim`. */
  static fromRegistry(reference: string): ImageInstance {
    const nothing = { instructions: [], localSources: [], hasEntrypoint: false };
    return new ImageInstance({ baseImage: reference, ...nothing });
  }

  /** Where the following commands run and processes start. */
  workdir(path: string): ImageInstance {
    return this.#with(`WORKDIR ${path}`);
  }

  /** Runs shell commands, each as a step of its own. */
  runCommands(...commands: string[]): ImageInstance {
    return this.#with(...commands.map((command) => `RUN ${command}`));
  }

  /** Installs Python packages with pip. */
  pipInstall(...given: Packages<lines.PipOptions>): ImageInstance {
    return this.#install(lines.pipLine, given);
  }

  /** Installs Python packages with uv. */
  uvInstall(...given: Packages<lines.UvOptions>): ImageInstance {
    return this.#install(lines.uvLine, given);
  }

  /** Installs Python programs with pipx. */
  pipxInstall(...packages: string[]): ImageInstance {
    return this.#install((_options, names) => lines.eachLine('pipx install', names), packages);
  }

  /** Installs packages of Debian or Ubuntu. */
  aptInstall(...given: Packages<lines.AptOptions>): ImageInstance {
    return this.#install(lines.aptLine, given);
  }

  /** Installs packages of Alpine. */
  apkAdd(...given: Packages<lines.ApkOptions>): ImageInstance {
    return this.#install(lines.apkLine, given);
  }

  /** Installs packages of Node with npm, yarn, pnpm or bun; without names what `package.json` says. */
  npmInstall(...given: Packages<lines.NpmOptions>): ImageInstance {
    const [options, packages] = split(given);
    return this.runCommands(lines.npmLine(options, packages));
  }

  /** Installs Ruby gems. */
  gemInstall(...given: Packages<lines.GemOptions>): ImageInstance {
    return this.#install(lines.gemLine, given);
  }

  /** Installs Rust crates. */
  cargoInstall(...given: Packages<lines.CargoOptions>): ImageInstance {
    return this.#install(lines.cargoLine, given);
  }

  /** Installs Go programs. */
  goInstall(...packages: string[]): ImageInstance {
    return this.#install((_options, names) => lines.eachLine('go install', names), packages);
  }

  /** Adds PHP packages with Composer; without names it installs what `composer.json` says. */
  composerInstall(...given: Packages<lines.ComposerOptions>): ImageInstance {
    const [options, packages] = split(given);
    return this.runCommands(lines.composerLine(options, packages));
  }

  /** Sets environment variables. Values stand in double quotes as they are. */
  env(variables: Record<string, string>): ImageInstance {
    return this.#with(...Object.entries(variables).map(([name, value]) => `ENV ${name}="${value}"`));
  }

  /** Sets labels. Values stand in double quotes as they are. */
  label(labels: Record<string, string>): ImageInstance {
    return this.#with(...Object.entries(labels).map(([name, value]) => `LABEL ${name}="${value}"`));
  }

  /** Copies from the folder of the build. */
  copy(source: string, destination: string): ImageInstance {
    return this.#with(`COPY ${source} ${destination}`);
  }

  /** Takes a file of this machine along and copies it into the image. `contextName` is its name in the build. */
  addLocalFile(sourcePath: string, destination: string, contextName?: string): ImageInstance {
    return this.#addLocal(sourcePath, destination, contextName);
  }

  /** Takes a folder of this machine along and copies what is in it into the image. */
  addLocalDir(sourcePath: string, destination: string, contextName?: string): ImageInstance {
    return this.#addLocal(sourcePath, destination, contextName);
  }

  /** Names ports that servers in the image listen on. */
  expose(...ports: number[]): ImageInstance {
    return this.#with(...ports.map((port) => `EXPOSE ${port}`));
  }

  /** Who the following commands and the processes run as. */
  user(user: string): ImageInstance {
    return this.#with(`USER ${user}`);
  }

  /** Declares an argument of the build. */
  arg(name: string, defaultValue?: string): ImageInstance {
    return this.#with(defaultValue === undefined ? `ARG ${name}` : `ARG ${name}=${defaultValue}`);
  }

  /** What the image starts. It has to start the sandbox API too; without it the server does. */
  entrypoint(...command: string[]): ImageInstance {
    if (command.length === 0) return this;
    const words = command.map((word) => JSON.stringify(word)).join(', ');
    return this.#change({
      instructions: [...this.#definition.instructions, `ENTRYPOINT [${words}]`],
      hasEntrypoint: true,
    });
  }

  /** The Dockerfile that these steps make. */
  get dockerfile(): string {
    return toDockerfile(this.#definition);
  }

  /** Twelve characters that change with the Dockerfile and the local files. */
  get hash(): string {
    return hashOf(this.#definition);
  }

  /** The image that it begins with. */
  get baseImage(): string {
    return this.#definition.baseImage;
  }

  /** Writes Dockerfile, local files and a manifest into a folder of `outputPath`; answers its path. */
  write(outputPath: string, name?: string): string {
    const dir = join(resolve(outputPath), name ?? `image-${this.hash}`);
    writeDefinition(this.#definition, dir);
    return dir;
  }

  /** As `write`, into a temporary folder. */
  writeTemp(): string {
    return this.write(mkdtempSync(join(tmpdir(), 'blaxel-image-')));
  }

  /** Builds the image and deploys it as a sandbox; answers that, once it is deployed. */
  build({
    sandboxVersion = 'latest',
    ...options
  }: BuildOptions & { sandboxVersion?: string }): Promise<BlaxelSandbox> {
    const ready = new ImageInstance(withSandboxApi(this.#definition, sandboxVersion));
    return buildSandbox((dir) => ready.write(dir), options);
  }

  #install<O extends object>(
    toLine: (options: Partial<O>, packages: readonly string[]) => string,
    given: Packages<O>,
  ): ImageInstance {
    const [options, packages] = split(given);
    return packages.length === 0 ? this : this.runCommands(toLine(options, packages));
  }

  #addLocal(sourcePath: string, destination: string, contextName?: string): ImageInstance {
    const source = resolve(sourcePath);
    const name = contextName ?? basename(source);
    return this.#change({
      instructions: [...this.#definition.instructions, `COPY ${name} ${destination}`],
      localSources: [...this.#definition.localSources, { sourcePath: source, contextName: name }],
    });
  }

  #with(...instructions: string[]): ImageInstance {
    if (instructions.length === 0) return this;
    return this.#change({ instructions: [...this.#definition.instructions, ...instructions] });
  }

  #change(change: Partial<ImageDefinition>): ImageInstance {
    return new ImageInstance({ ...this.#definition, ...change });
  }
}
