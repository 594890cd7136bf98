import type { LayerTool } from '../image/layer-tool.ts';
import type { Workshop } from '../image/workshop.ts';
import type { Builder } from './builder.ts';
import type { CacheMounts } from './cache-mount.ts';
import type { Checkouts } from './checkout.ts';
import type { Downloads } from './download.ts';
import type { Origins } from './origin.ts';
import type { SshLending } from './ssh-lending.ts';
import type { StageFiles } from './stage-files.ts';
import type { Workplace } from './workplace.ts';

/** What carrying out a step may use. */
export interface StepContext {
  workshop: Workshop;
  tool: LayerTool;
  builder: Builder;
  workplace: Workplace;
  origins: Origins;
  downloads: Downloads;
  checkouts: Checkouts;
  cacheMounts: CacheMounts;
  workspaceId: string;
  secrets: ReadonlyMap<string, Buffer>;
  lending: SshLending;
  cpus: number;
  memoryMb: number;
  /** Seconds since 1970 that no file of the image may be younger than. */
  sourceDateEpoch?: number;
  signal: AbortSignal;
}

/** What a step writes into: the folder with `upper` and `work`, and what lies below. */
export interface StepPlace {
  before: StageFiles;
  disk: string;
  onLine: (line: { stream: 'stdout' | 'stderr'; text: string }) => void;
  onMountPoints: (paths: readonly string[], ids?: { hostId: number; count: number }) => void;
}
