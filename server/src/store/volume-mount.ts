/** A volume as a sandbox has it. */
export interface VolumeMount {
  volumeId: string;
  /** What the volume was called when it was asked for. */
  name: string;
  mountPath: string;
  isReadonly: boolean;
  /** The volume as it was then, instead of as it is. */
  snapshotId?: string;
}
