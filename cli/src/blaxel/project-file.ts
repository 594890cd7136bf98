import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { CliError } from '../failure.ts';

const port = z.looseObject({
  name: z.string().optional(),
  target: z.number().int().min(1).max(65_535),
  protocol: z
    .string()
    .default('http')
    .transform((text) => text.toUpperCase())
    .pipe(z.enum(['HTTP', 'TCP', 'UDP', 'TLS'])),
});

const runtime = z.looseObject({
  generation: z.string().optional(),
  memory: z.number().int().optional(),
  image: z.string().optional(),
  ttl: z.string().optional(),
  expires: z.union([z.string(), z.date()]).optional(),
  envs: z.array(z.looseObject({ name: z.string(), value: z.string() })).optional(),
  ports: z.array(port).optional(),
});

const project = z.looseObject({
  name: z.string().optional(),
  workspace: z.string().optional(),
  type: z.string().default('sandbox'),
  region: z.string().optional(),
  image: z.string().optional(),
  directory: z.string().optional(),
  memory: z.number().int().optional(),
  env: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  runtime: runtime.default({}),
  volumes: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).optional(),
  build: z
    .looseObject({ args: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional() })
    .default({}),
});

/** What `blaxel.toml` says of a project. */
export type Project = z.output<typeof project>;

/** Keys that other kinds of projects have, or that change nothing here. */
const otherKeys = [
  'description',
  'protocol',
  'public',
  'defaultSize',
  'port',
  'policies',
  'functions',
  'models',
  'agents',
  'skipRoot',
  'entrypoint',
  'triggers',
  'githubRunner',
];
const known = new Set([...Object.keys(project.shape), ...otherKeys]);

/** Reads the `blaxel.toml` of a folder; where there is none, nothing is said. `${NAME}` means a variable of `env`. */
export async function readProject(
  dir: string,
  env: NodeJS.ProcessEnv,
  warn: (text: string) => void,
): Promise<Project> {
  const path = join(dir, 'blaxel.toml');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new CliError(`${path} cannot be read: ${error.message}`);
  });
  const parsed = project.safeParse(interpolate(parseToml(path, text), env));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CliError(`${path}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  for (const key of Object.keys(parsed.data)) {
    if (!known.has(key)) warn(`${path}: ${key} is not known and has no effect`);
  }
  if (parsed.data.type === 'sandbox') return parsed.data;
  throw new CliError(`${path}: type "${parsed.data.type}" is not served here`, 'Use type = "sandbox".');
}

function parseToml(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new CliError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function interpolate(value: unknown, env: NodeJS.ProcessEnv): unknown {
  if (typeof value === 'string')
    return value.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => env[name] ?? '');
  if (Array.isArray(value)) return value.map((item) => interpolate(item, env));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolate(item, env)]));
}

/** The name of a project: a flag, the file, the last part of its image, or the folder. */
export function projectName(given: string | undefined, { name, image }: Project, dir: string): string {
  const ofImage = image?.split('/').at(-1)?.split(/[:@]/)[0];
  return slug(given ?? name ?? ofImage ?? basename(resolve(dir)));
}

/** As names of sandboxes are: `My Project` is `my-project`. */
function slug(text: string): string {
  const made = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 49)
    .replaceAll(/^-+|-+$/g, '');
  if (made !== '') return made;
  throw new CliError(`"${text}" makes no name`, 'Give one with --name.');
}
