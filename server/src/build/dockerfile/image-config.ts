import { z } from 'zod';

export interface EnvEntry {
  readonly name: string;
  readonly value: string;
}

export interface Healthcheck {
  /** `['NONE']`, `['CMD', …]` or `['CMD-SHELL', text]`. */
  readonly test: readonly string[];
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

/** The part of an image's config that instructions read and write. */
export interface ImageConfig {
  readonly env: readonly EnvEntry[];
  readonly user: string;
  /** Absolute; `/` when the image names none. */
  readonly workdir: string;
  readonly shell?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal?: string;
  readonly healthcheck?: Healthcheck;
  readonly onbuild: readonly string[];
}

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What `FROM scratch` starts with. */
export const scratchConfig: ImageConfig = {
  env: [{ name: 'PATH', value: DEFAULT_PATH }],
  user: '',
  workdir: '/',
  labels: {},
  exposedPorts: [],
  volumes: [],
  onbuild: [],
};

const strings = z.array(z.string()).nullish();
const nanoseconds = z.number().nullish();

/** The `config` object of an OCI or Docker image. */
const ociConfigSchema = z.object({
  Env: strings,
  User: z.string().nullish(),
  WorkingDir: z.string().nullish(),
  Shell: strings,
  Entrypoint: strings,
  Cmd: strings,
  Labels: z.record(z.string(), z.string()).nullish(),
  ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
  Volumes: z.record(z.string(), z.unknown()).nullish(),
  StopSignal: z.string().nullish(),
  Healthcheck: z
    .object({
      Test: strings,
      Interval: nanoseconds,
      Timeout: nanoseconds,
      StartPeriod: nanoseconds,
      StartInterval: nanoseconds,
      Retries: nanoseconds,
    })
    .nullish(),
  OnBuild: strings,
});

type OciConfig = z.infer<typeof ociConfigSchema>;

/** Reads the `config` object of an image. Throws ZodError when it is not one. */
export function configFromOci(config: unknown): ImageConfig {
  const oci = ociConfigSchema.parse(config ?? {});
  return {
    env: (oci.Env ?? []).map(toEnvEntry),
    user: oci.User ?? '',
    workdir: oci.WorkingDir?.startsWith('/') ? oci.WorkingDir : `/${oci.WorkingDir ?? ''}`,
    ...(oci.Shell?.length ? { shell: oci.Shell } : {}),
    ...(oci.Entrypoint ? { entrypoint: oci.Entrypoint } : {}),
    ...(oci.Cmd ? { cmd: oci.Cmd } : {}),
    labels: oci.Labels ?? {},
    exposedPorts: Object.keys(oci.ExposedPorts ?? {}),
    volumes: Object.keys(oci.Volumes ?? {}),
    ...(oci.StopSignal ? { stopSignal: oci.StopSignal } : {}),
    ...(oci.Healthcheck?.Test?.length ? { healthcheck: toHealthcheck(oci.Healthcheck) } : {}),
    onbuild: oci.OnBuild ?? [],
  };
}

function toEnvEntry(entry: string): EnvEntry {
  const equals = entry.indexOf('=');
  return equals < 0
    ? { name: entry, value: '' }
    : { name: entry.slice(0, equals), value: entry.slice(equals + 1) };
}

function toHealthcheck(oci: NonNullable<OciConfig['Healthcheck']>): Healthcheck {
  const times = {
    intervalMs: oci.Interval,
    timeoutMs: oci.Timeout,
    startPeriodMs: oci.StartPeriod,
    startIntervalMs: oci.StartInterval,
  };
  const inMs = Object.entries(times).flatMap(([key, value]) => (value ? [[key, value / 1e6]] : []));
  return {
    test: oci.Test ?? [],
    ...Object.fromEntries(inMs),
    ...(oci.Retries ? { retries: oci.Retries } : {}),
  };
}

/** The `config` object of an image, with its keys in a fixed order. */
export function configToOci(config: ImageConfig): Record<string, unknown> {
  const { healthcheck } = config;
  return withoutEmpty({
    User: config.user,
    ExposedPorts: toSet(config.exposedPorts),
    Env: config.env.map(({ name, value }) => `${name}=${value}`),
    Entrypoint: config.entrypoint,
    Cmd: config.cmd,
    Volumes: toSet(config.volumes),
    WorkingDir: config.workdir,
    Labels: sorted(config.labels),
    StopSignal: config.stopSignal,
    Healthcheck: healthcheck && healthcheckToOci(healthcheck),
    Shell: config.shell,
    OnBuild: config.onbuild,
  });
}

const healthcheckToOci = (healthcheck: Healthcheck): Record<string, unknown> =>
  withoutEmpty({
    Test: healthcheck.test,
    Interval: toNanoseconds(healthcheck.intervalMs),
    Timeout: toNanoseconds(healthcheck.timeoutMs),
    StartPeriod: toNanoseconds(healthcheck.startPeriodMs),
    StartInterval: toNanoseconds(healthcheck.startIntervalMs),
    Retries: healthcheck.retries,
  });

const toNanoseconds = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms * 1e6);

const toSet = (names: readonly string[]): Record<string, object> =>
  Object.fromEntries(names.toSorted().map((name) => [name, {}]));

const sorted = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** An empty list says something in ENTRYPOINT and CMD only, and there nothing that absence would not. */
const withoutEmpty = (object: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => !isEmpty(value)));

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === '' ||
  (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
