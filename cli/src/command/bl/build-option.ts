import type { Context } from '../../context.ts';
import { readProject, projectName } from '../../blaxel/project-file.ts';
import type { Project } from '../../blaxel/project-file.ts';
import {
  readExtraFiles,
  readIgnored,
  readRegistryCredentials,
  warnOfDockerfile,
} from '../../blaxel/source-files.ts';
import type { UploadOptions } from '@atoll/sdk/blaxel';
import { flag, list, oneOf, text, value } from '../../parameter.ts';
import { span } from '../../option/span.ts';
import { blOptions } from './option.ts';

/** Options of everything that builds a project. */
export const buildOptions = {
  ...blOptions,
  name: value('-n, --name <name>', 'name (default: that of blaxel.toml, else of the folder)', text),
  directory: value('-d, --directory <folder>', 'where the project is (.)', text),
  type: value('-t, --type <type>', 'sandbox, which is all that there is', oneOf(['sandbox'])),
  yes: flag('-y, --yes', 'ask nothing; nothing is asked', true),
  image: value('--image <reference>', 'image of a registry, instead of a build', text),
  registryCred: list('-c, --registry-cred <registry=user:password>', 'login of a registry', text),
  registryCreds: list('--registry-creds <registry=user:password>', 'the same', text),
  dockerConfig: value('--docker-config <file>', 'docker configuration with logins', text),
  buildEnvFile: value('--build-env-file <file>', 'arguments of the build (.env.build)', text),
  timeout: value('--timeout <span>', 'how long to wait (1h)', span),
  skipBuild: flag('--skip-build', 'use the image that was built before'),
};
export type BuildChoice = { [K in keyof typeof buildOptions]: ReturnType<(typeof buildOptions)[K]['read']> };

/** A project with everything that the line and its files say of it. */
export interface Build {
  dir: string;
  name: string;
  project: Project;
  /** Image of another registry, instead of a build. */
  image: string | undefined;
  /** Logins of registries. */
  dockerConfig: string | undefined;
  signal: AbortSignal;
}

const DEFAULT_TIMEOUT_SECS = 3600;

export async function readBuild(context: Context, options: BuildChoice): Promise<Build> {
  const dir = options.directory ?? '.';
  const project = await readProject(dir, context.env, context.output.note);
  const image = options.image ?? project.image;
  const dockerConfig = await readRegistryCredentials({
    dir,
    registryCreds: [...options.registryCred, ...options.registryCreds],
    dockerConfig: options.dockerConfig,
  });
  const deadline = AbortSignal.timeout((options.timeout ?? DEFAULT_TIMEOUT_SECS) * 1000);
  return {
    dir,
    name: projectName(options.name, { ...project, image }, dir),
    project,
    image,
    dockerConfig,
    signal: AbortSignal.any([context.signal, deadline]),
  };
}

/** What goes along with an upload, and what stays here. */
export async function readUpload(
  context: Context,
  build: Build,
  options: BuildChoice,
): Promise<UploadOptions> {
  await warnOfDockerfile(build.dir, context.output.note);
  const { buildEnvFile } = options;
  const { dir, project, dockerConfig, signal } = build;
  const extra = await readExtraFiles(dir, project, { buildEnvFile, dockerConfig });
  return { ignored: await readIgnored(dir), extra, signal };
}
