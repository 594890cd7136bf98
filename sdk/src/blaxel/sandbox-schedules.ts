import * as protocol from '@atoll/protocol';
import type { BlaxelSchedule, BlaxelScheduleBody, BlaxelScheduleExecution } from '@atoll/protocol';
import type { BlaxelConnection } from './blaxel-connection.ts';

/** When a sandbox is to run which command. */
export type CreateSchedule = BlaxelScheduleBody;
/** A command that a sandbox runs at certain times. */
export type SandboxSchedule = BlaxelSchedule;
/** One time at which a schedule was due. */
export type ScheduleExecution = BlaxelScheduleExecution;

/** Commands that a sandbox runs at certain times, for which it wakes. */
export class SandboxSchedules {
  readonly #connection: BlaxelConnection;
  readonly #name: () => string;

  constructor(connection: BlaxelConnection, name: () => string) {
    this.#connection = connection;
    this.#name = name;
  }

  /** Makes one: `cron` (in UTC), `at` a moment, or after a `sleep`. */
  create(wanted: CreateSchedule): Promise<SandboxSchedule> {
    return this.#connection.call(protocol.createBlaxelSchedule, { ...this.#sandbox, body: wanted });
  }

  /** Those of the sandbox. */
  async list(): Promise<SandboxSchedule[]> {
    const found = await this.#connection.call(protocol.listBlaxelSchedules, this.#sandbox);
    return Array.isArray(found) ? found : found.data;
  }

  /** The one of that id. */
  get(id: string): Promise<SandboxSchedule> {
    return this.#connection.call(protocol.getBlaxelSchedule, this.#one(id));
  }

  /** Puts another one in its place, under the same id. */
  update(id: string, wanted: CreateSchedule): Promise<SandboxSchedule> {
    return this.#connection.call(protocol.replaceBlaxelSchedule, { ...this.#one(id), body: wanted });
  }

  /** Ends it; what it has begun goes on. */
  async delete(id: string): Promise<void> {
    await this.#connection.call(protocol.deleteBlaxelSchedule, this.#one(id));
  }

  /** What was begun, newest first. */
  async executions(): Promise<ScheduleExecution[]> {
    const found = await this.#connection.call(protocol.listBlaxelScheduleExecutions, this.#sandbox);
    return Array.isArray(found) ? found : found.data;
  }

  get #sandbox() {
    return { params: { name: this.#name() }, query: {} };
  }

  #one(schedule: string) {
    return { params: { name: this.#name(), schedule }, query: {} };
  }
}
