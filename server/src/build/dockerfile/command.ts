export type FlagKind = 'text' | 'boolean' | 'list';

interface Command {
  /** Flags and what their value is; a `list` may be repeated. */
  readonly flags: Readonly<Record<string, FlagKind>>;
  /** Whether `<<EOF` in its arguments starts a heredoc. */
  readonly takesHeredocs?: true;
  /** Whether the word means nothing to a running sandbox (tensorlake wire 3.2). */
  readonly isWithoutEffect?: true;
}

/** Every instruction of the language. */
export const commands = {
  ADD: {
    flags: {
      chown: 'text',
      chmod: 'text',
      link: 'boolean',
      'keep-git-dir': 'boolean',
      checksum: 'text',
      exclude: 'list',
      unpack: 'boolean',
    },
    takesHeredocs: true,
  },
  ARG: { flags: {} },
  CMD: { flags: {} },
  COPY: {
    flags: {
      from: 'text',
      chown: 'text',
      chmod: 'text',
      link: 'boolean',
      parents: 'boolean',
      exclude: 'list',
    },
    takesHeredocs: true,
  },
  ENTRYPOINT: { flags: {} },
  ENV: { flags: {} },
  EXPOSE: { flags: {}, isWithoutEffect: true },
  FROM: { flags: { platform: 'text' } },
  HEALTHCHECK: {
    flags: {
      interval: 'text',
      timeout: 'text',
      'start-period': 'text',
      'start-interval': 'text',
      retries: 'text',
    },
    isWithoutEffect: true,
  },
  LABEL: { flags: {}, isWithoutEffect: true },
  MAINTAINER: { flags: {} },
  ONBUILD: { flags: {}, isWithoutEffect: true },
  RUN: { flags: { mount: 'list', network: 'text', security: 'text' }, takesHeredocs: true },
  SHELL: { flags: {}, isWithoutEffect: true },
  STOPSIGNAL: { flags: {}, isWithoutEffect: true },
  USER: { flags: {} },
  VOLUME: { flags: {}, isWithoutEffect: true },
  WORKDIR: { flags: {} },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof commands;

export const commandNames = Object.keys(commands) as CommandName[];

export const commandOf = (name: CommandName): Command => commands[name];

export const isCommandName = (word: string): word is CommandName => Object.hasOwn(commands, word);
