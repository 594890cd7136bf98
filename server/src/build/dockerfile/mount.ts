import { posix } from 'node:path';
import { parseByteSize } from './byte-size.ts';
import type { Place } from './instruction.ts';
import type { MountFlag } from './mount-flag.ts';
import type { FileOrigin } from './stage-base.ts';
import { resolveOrigin } from './stage-dependency.ts';
import { variablesOfState } from './stage-state.ts';
import type { Scope, StageState } from './stage-state.ts';

interface Ownership {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface BindMount {
  readonly type: 'bind';
  readonly target: string;
  readonly from: FileOrigin | { readonly kind: 'context' };
  /** From the origin's root. */
  readonly source: string;
  /** A writable one forgets what is written to it. */
  readonly isReadonly: boolean;
}

export interface CacheMount extends Ownership {
  readonly type: 'cache';
  readonly target: string;
  readonly id: string;
  readonly sharing: 'shared' | 'private' | 'locked';
  /** What a new cache starts with. */
  readonly from?: FileOrigin;
  readonly source: string;
  readonly isReadonly: boolean;
}

export interface TmpfsMount {
  readonly type: 'tmpfs';
  readonly target: string;
  readonly sizeBytes?: number;
}

export interface SecretMount extends Ownership {
  readonly type: 'secret';
  readonly id: string;
  /** The file it appears as; absent when only the variable is asked for. */
  readonly target?: string;
  readonly env?: string;
  readonly isRequired: boolean;
}

export interface SshMount extends Ownership {
  readonly type: 'ssh';
  readonly id: string;
  readonly target: string;
  readonly isRequired: boolean;
}

export type Mount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount;

/** Expands and checks one mount of a RUN. */
export function resolveMount(flag: MountFlag, place: Place, state: StageState, scope: Scope): Mount {
  return new MountResolver(flag, place, state, scope).resolve();
}

class MountResolver {
  readonly #flag: MountFlag;
  readonly #place: Place;
  readonly #state: StageState;
  readonly #scope: Scope;

  constructor(flag: MountFlag, place: Place, state: StageState, scope: Scope) {
    this.#flag = flag;
    this.#place = place;
    this.#state = state;
    this.#scope = scope;
  }

  resolve(): Mount {
    switch (this.#flag.type) {
      case 'bind':
        return this.#bind();
      case 'cache':
        return this.#cache();
      case 'tmpfs':
        return this.#tmpfs();
      case 'secret':
        return this.#secret();
      case 'ssh':
        return this.#ssh();
    }
  }

  #bind(): BindMount {
    const from = this.#from() ?? { kind: 'context' };
    return {
      type: 'bind',
      target: this.#target(),
      from,
      source: this.#source(),
      isReadonly: this.#isReadonly(true),
    };
  }

  #cache(): CacheMount {
    const target = this.#target();
    const from = this.#from();
    const sharing = this.#text('sharing') ?? 'shared';
    if (sharing !== 'shared' && sharing !== 'private' && sharing !== 'locked') {
      throw this.#error(`sharing is shared, private or locked, not ${sharing}`);
    }
    const access = { source: this.#source(), isReadonly: this.#isReadonly(false), ...this.#ownership(0o755) };
    return {
      type: 'cache',
      target,
      id: this.#text('id') ?? target,
      sharing,
      ...(from ? { from } : {}),
      ...access,
    };
  }

  #tmpfs(): TmpfsMount {
    const target = this.#target();
    const size = this.#text('size');
    if (size === undefined) return { type: 'tmpfs', target };
    const sizeBytes = parseByteSize(size);
    if (sizeBytes === undefined) throw this.#error(`size is no number of bytes: ${size}`);
    return { type: 'tmpfs', target, sizeBytes };
  }

  #secret(): SecretMount {
    const written = this.#text('target');
    const env = this.#text('env');
    const id = this.#text('id') ?? (written && posix.basename(written)) ?? env;
    if (!id) throw this.#error('a secret mount needs an id or a target');
    const isFile = written !== undefined || env === undefined;
    const target = isFile ? this.#absolute(written ?? `/run/secrets/${posix.basename(id)}`) : undefined;
    return {
      type: 'secret',
      id,
      ...(target === undefined ? {} : { target }),
      ...(env === undefined ? {} : { env }),
      isRequired: this.#switch('required', false),
      ...this.#ownership(0o400),
    };
  }

  #ssh(): SshMount {
    const target = this.#absolute(this.#text('target') ?? `/run/buildkit/ssh_agent.${this.#flag.number}`);
    const id = this.#text('id') ?? 'default';
    return {
      type: 'ssh',
      id,
      target,
      isRequired: this.#switch('required', false),
      ...this.#ownership(0o600),
    };
  }

  #text(field: string): string | undefined {
    const text = this.#flag.fields.get(field);
    if (text === undefined) return undefined;
    const word = { text, offset: this.#flag.word.offset };
    return this.#scope.expander.word(word, variablesOfState(this.#state), this.#place);
  }

  #target(): string {
    const target = this.#text('target');
    if (!target) throw this.#error(`a ${this.#flag.type} mount needs a target`);
    return this.#absolute(target);
  }

  #absolute(path: string): string {
    const target = posix.resolve('/', this.#state.config.workdir, path);
    if (target === '/') throw this.#error('a mount cannot cover /');
    return target;
  }

  #source(): string {
    return posix.resolve('/', this.#text('source') ?? '');
  }

  #from(): FileOrigin | undefined {
    const text = this.#flag.fields.get('from');
    if (text === undefined) return undefined;
    const { dockerfile } = this.#scope.plan;
    return resolveOrigin({ text, offset: this.#flag.word.offset }, this.#place, dockerfile.stages);
  }

  #isReadonly(byDefault: boolean): boolean {
    const isReadonly = this.#switch('readonly', byDefault);
    return this.#flag.fields.has('readwrite') ? !this.#switch('readwrite', false) : isReadonly;
  }

  #switch(field: string, byDefault: boolean): boolean {
    const text = this.#text(field)?.toLowerCase();
    if (text === undefined) return byDefault;
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw this.#error(`${field} is true or false, not ${text}`);
  }

  #ownership(defaultMode: number): Ownership {
    const mode = this.#text('mode');
    if (mode !== undefined && !/^[0-7]{1,5}$/.test(mode))
      throw this.#error(`mode is no octal number: ${mode}`);
    return {
      mode: mode === undefined ? defaultMode : Number.parseInt(mode, 8),
      uid: this.#identity('uid'),
      gid: this.#identity('gid'),
    };
  }

  #identity(field: string): number {
    const text = this.#text(field) ?? '0';
    if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 32) return Number(text);
    throw this.#error(`${field} is no user or group number: ${text}`);
  }

  #error(reason: string): Error {
    return this.#place.line.error(this.#flag.word.offset, reason);
  }
}
