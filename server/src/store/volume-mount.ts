/** A volume as a sandbox has it. */
export interface VolumeMount {
  volumeId: string;
  /** What the volume was called when it was asked for. */
  name: string;
  mountPath: string;
  isReadonly: boolean;
  /** The volume as it was then, instead of as it is. */
  snapshotId?: string;
  /** Other sandboxes write to it at the same time. */
  isShared?: true;
  /** Of one that came while the sandbox ran: under which id the runtime has it. */
  lateId?: string;
  /** It is just coming or going. Where nobody carries that out any more, it comes. */
  isUnsettled?: true;
}

/** One that came while the sandbox ran, and may go. */
export type LateVolume = VolumeMount & { lateId: string };

export const isLate = (volume: VolumeMount): volume is LateVolume => volume.lateId !== undefined;
