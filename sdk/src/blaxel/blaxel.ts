/** `@atoll/sdk/blaxel`: the names of the Blaxel clients, on this server. */
export { ImageInstance } from './image-instance.ts';
export { uploadUrlOf, waitUntilDeployed } from './build-sandbox.ts';
export type { BuildOptions } from './build-sandbox.ts';
export { createBlaxelConnection } from './blaxel-connection.ts';
export type { BlaxelConnection, BlaxelOptions, SandboxCall } from './blaxel-connection.ts';
export { tokenOf } from './client-credentials.ts';
export { uploadFolder } from './upload-folder.ts';
export type { UploadOptions } from './upload-folder.ts';
export type { ExtraFile } from './zip-stream.ts';
export type {
  ApkOptions,
  AptOptions,
  CargoOptions,
  ComposerOptions,
  GemOptions,
  NpmOptions,
  PipOptions,
  UvOptions,
} from './install-lines.ts';
export { SandboxInstance } from './sandbox-instance.ts';
export type { CreateSandbox } from './sandbox-instance.ts';
export { SandboxProcess } from './sandbox-process.ts';
export type { BlaxelProcess, LogListeners, ProcessRequest } from './sandbox-process.ts';
export { SandboxFileSystem } from './sandbox-filesystem.ts';
export type {
  BlaxelDirectory,
  BlaxelFileChange,
  BlaxelFindOptions,
  BlaxelGrepOptions,
  BlaxelMatches,
} from './sandbox-filesystem.ts';
export { VolumeInstance } from './volume-instance.ts';
export type { CreateVolume } from './volume-instance.ts';
export { PreviewTokens, SandboxPreview, SandboxPreviews } from './sandbox-previews.ts';
export type { CreatePreview, PreviewToken } from './sandbox-previews.ts';
export { SandboxSessions } from './sandbox-sessions.ts';
export type { CreateSession, SandboxSession } from './sandbox-sessions.ts';
export { SandboxSchedules } from './sandbox-schedules.ts';
export type { CreateSchedule, SandboxSchedule, ScheduleExecution } from './sandbox-schedules.ts';
export { SandboxSnapshot, SandboxSnapshots } from './sandbox-snapshots.ts';
export type { Fork, ForkOptions } from './sandbox-snapshots.ts';
