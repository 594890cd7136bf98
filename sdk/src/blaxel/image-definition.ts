import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxError } from '../errors.ts';

/** A file or folder of this machine that goes into the build. */
export interface LocalSource {
  sourcePath: string;
  contextName: string;
}

/** What an image is made of. */
export interface ImageDefinition {
  readonly baseImage: string;
  readonly instructions: readonly string[];
  readonly localSources: readonly LocalSource[];
  readonly hasEntrypoint: boolean;
}

const SANDBOX_API = 'ghcr.io/blaxel-ai/sandbox';
const SANDBOX_API_PATH = '/usr/local/bin/sandbox-api';

/** The Dockerfile of a definition. An instruction is one line, unless the line before it ends with a backslash. */
export function toDockerfile({ baseImage, instructions }: ImageDefinition): string {
  const lines = [`FROM ${baseImage}`, ...instructions];
  const broken = lines.find((line) => /(?<!\\)\r?\n/.test(line.replace(/\r?\n$/, '')));
  if (broken === undefined) return `${lines.join('\n')}\n`;
  throw new SandboxError('Invalid Dockerfile syntax: instruction count mismatch after parsing', {
    hint: `Give each command on its own, or join lines with a backslash: ${JSON.stringify(broken.slice(0, 80))}`,
  });
}

/** Twelve characters that change with the Dockerfile and with when its local files were changed. */
export function hashOf(definition: ImageDefinition): string {
  const files = definition.localSources.map(
    ({ sourcePath, contextName }) => `\n${contextName}:${statOf(sourcePath).mtimeMs}`,
  );
  const text = toDockerfile(definition) + files.join('');
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** With the sandbox API, and started by it unless the image starts something else. */
export function withSandboxApi(definition: ImageDefinition, version: string): ImageDefinition {
  const instructions = [...definition.instructions];
  if (!/sandbox-api|blaxel-ai\/sandbox/.test(toDockerfile(definition)))
    instructions.push(`COPY --from=${SANDBOX_API}:${version} /sandbox-api ${SANDBOX_API_PATH}`);
  if (!definition.hasEntrypoint) instructions.push(`ENTRYPOINT ["${SANDBOX_API_PATH}"]`);
  return { ...definition, instructions, hasEntrypoint: true };
}

/** Writes Dockerfile, local files and a manifest into `dir`. */
export function writeDefinition(definition: ImageDefinition, dir: string): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'Dockerfile'), toDockerfile(definition));
  for (const { sourcePath, contextName } of definition.localSources) {
    const target = join(dir, contextName);
    if (statOf(sourcePath).isDirectory()) rmSync(target, { recursive: true, force: true });
    cpSync(sourcePath, target, { recursive: true });
  }
  const manifest = {
    base_image: definition.baseImage,
    hash: hashOf(definition),
    instructions_count: definition.instructions.length,
    local_files_count: definition.localSources.length,
  };
  writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest, null, 2));
}

function statOf(path: string) {
  if (existsSync(path)) return statSync(path);
  throw new SandboxError(`Local file not found: ${path}`);
}
