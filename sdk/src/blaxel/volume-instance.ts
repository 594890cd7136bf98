import * as protocol from '@atoll/protocol';
import type { BlaxelVolume } from '@atoll/protocol';
import { RemoteAPIError } from '../errors.ts';
import { withoutUndefined } from '../without-undefined.ts';
import { createBlaxelConnection } from './blaxel-connection.ts';
import type { BlaxelConnection, BlaxelOptions } from './blaxel-connection.ts';

/** What a volume is to be. */
export interface CreateVolume {
  name: string;
  displayName?: string;
  /** In MB. */
  size?: number;
  labels?: Record<string, string>;
  /** The template that it begins with, NAME or NAME:VERSION. */
  template?: string;
}

/** A volume: what it holds outlives the sandboxes that have it. A sandbox names it when it is made (`volumes`). */
export class VolumeInstance {
  readonly #connection: BlaxelConnection;
  #volume: BlaxelVolume;

  private constructor(connection: BlaxelConnection, volume: BlaxelVolume) {
    this.#connection = connection;
    this.#volume = volume;
  }

  /** Makes one. */
  static async create(wanted: CreateVolume, options: BlaxelOptions = {}): Promise<VolumeInstance> {
    const connection = createBlaxelConnection(options);
    const { size, template, ...metadata } = wanted;
    const input = { query: {}, body: { metadata, spec: withoutUndefined({ size, template }) } };
    return new VolumeInstance(connection, await connection.call(protocol.createBlaxelVolume, input));
  }

  /** The one of that name, made where there is none. */
  static async createIfNotExists(wanted: CreateVolume, options: BlaxelOptions = {}): Promise<VolumeInstance> {
    try {
      return await VolumeInstance.create(wanted, options);
    } catch (error) {
      if (error instanceof RemoteAPIError && error.statusCode === 409)
        return VolumeInstance.get(wanted.name, options);
      throw error;
    }
  }

  /** The one of that name. */
  static async get(name: string, options: BlaxelOptions = {}): Promise<VolumeInstance> {
    const connection = createBlaxelConnection(options);
    const input = { params: { name }, query: {} };
    return new VolumeInstance(connection, await connection.call(protocol.getBlaxelVolume, input));
  }

  /** Those of the workspace. */
  static async list(options: BlaxelOptions = {}): Promise<VolumeInstance[]> {
    const connection = createBlaxelConnection(options);
    const found = await connection.call(protocol.listBlaxelVolumes, { query: {} });
    const volumes = Array.isArray(found) ? found : found.data;
    return volumes.map((volume) => new VolumeInstance(connection, volume));
  }

  /** Deletes the one of that name with all that it holds; refused while a sandbox has it. */
  static async delete(name: string, options: BlaxelOptions = {}): Promise<void> {
    const input = { params: { name }, query: {} };
    await createBlaxelConnection(options).call(protocol.deleteBlaxelVolume, input);
  }

  /** Name and labels. */
  get metadata(): BlaxelVolume['metadata'] {
    return this.#volume.metadata;
  }

  /** In MB. */
  get size(): number {
    return this.#volume.spec.size;
  }

  /** The sandbox that had it when it was last looked at. */
  get attachedTo(): string | undefined {
    return this.#volume.state.attachedTo;
  }

  /** Lets it grow or labels it; it grows only while no sandbox has it. */
  async update({ size, labels }: { size?: number; labels?: Record<string, string> }): Promise<this> {
    const { name, displayName, labels: before } = this.metadata;
    const body = {
      metadata: { name, displayName, labels: labels ?? before },
      spec: { size: size ?? this.size },
    };
    const input = { params: { name }, query: {}, body };
    this.#volume = await this.#connection.call(protocol.replaceBlaxelVolume, input);
    return this;
  }

  /** Deletes it with all that it holds; refused while a sandbox has it. */
  async delete(): Promise<void> {
    const input = { params: { name: this.metadata.name }, query: {} };
    await this.#connection.call(protocol.deleteBlaxelVolume, input);
  }
}
