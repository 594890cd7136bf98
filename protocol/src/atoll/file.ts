/**
 * Files of a sandbox beyond the Tensorlake wire: trees, moves, searches, watches, archives. The agent answers, as it
 * does for the rest of the data plane. Everything is named in the query, so that paths may hold any bytes.
 */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const files = { tag: 'Files', access: 'member' } as const;
const stream = { responseKind: 'stream' } as const;
const errors = [
  'sandbox_not_found',
  'sandbox_ended',
  'sandbox_not_running',
  'connection_refused',
  'not_found',
] as const;

const path = z.object({
  /** Relative paths start at the working directory. `..` is refused. */
  path: z.string(),
  /** Whose permissions count: a name, `uid` or `uid:gid`. The image's user by default. */
  user: z.string().optional(),
});

const selection = path.extend({
  /** Levels below the directory. All by default. */
  max_depth: z.number().int().min(0).optional(),
  /** Names of directories that are not entered. */
  exclude: z.array(z.string()).optional(),
  /** Leave out names that start with a dot. */
  exclude_hidden: z.boolean().optional(),
  max_results: z.number().int().min(0).optional(),
});

/** `*`, `?`, `[…]` within a name, `**` across directories, `{a,b}`. Without `/` it is about the name alone. */
const pattern = z.array(z.string()).optional();

export const fileInfo = z.object({
  path: z.string(),
  /** The bytes of a path that is not UTF-8, in base64. */
  path_base64: z.string().optional(),
  type: z.enum(['file', 'directory', 'symlink', 'other']),
  /** Bytes of a file. */
  size: z.number().optional(),
  /** Four octal digits. */
  mode: z.string(),
  uid: z.number(),
  gid: z.number(),
  owner: z.string().optional(),
  group: z.string().optional(),
  /** Epoch milliseconds. */
  modified_at: z.number(),
  /** Where a symbolic link points to. */
  target: z.string().optional(),
  target_base64: z.string().optional(),
});
export type WireFileInfo = z.output<typeof fileInfo>;

/** The last line of a listing; without it the listing is not whole. */
export const listingEnd = z.object({
  done: z.literal(true),
  /** More was there than `max_results`. */
  truncated: z.boolean(),
  /** Directories and files that could not be looked into. */
  unreadable: z.number(),
});

export const contentMatch = z.object({
  path: z.string(),
  path_base64: z.string().optional(),
  /** From 1. */
  line: z.number(),
  /** From 1, in bytes. */
  column: z.number(),
  /** The line, or of a long one the part with the match. */
  text: z.string(),
});
export type ContentMatch = z.output<typeof contentMatch>;

export const fileChange = z.object({
  op: z.enum([
    'ready',
    'alive',
    'create',
    'write',
    'attributes',
    'rename',
    'remove',
    'overflow',
    'unwatched',
  ]),
  path: z.string().optional(),
  path_base64: z.string().optional(),
  is_dir: z.boolean().optional(),
  to: z.string().optional(),
  to_base64: z.string().optional(),
  reason: z.string().optional(),
});
export type WireFileChange = z.output<typeof fileChange>;

export const extractedArchive = z.object({
  files: z.number(),
  directories: z.number(),
  links: z.number(),
  bytes: z.number(),
  /** Devices, which are never made. */
  skipped: z.number(),
});
export type ExtractedArchive = z.output<typeof extractedArchive>;

const transfer = path.extend({ to: z.string(), overwrite: z.boolean().optional() });

export const fileRoutes = {
  statFile: defineRoute({
    ...files,
    id: 'statFile',
    method: 'GET',
    paths: ['/api/v1/files/stat'],
    summary: 'Type, size, mode, owner and time of a path; with `follow`, of what a link points to',
    query: path.extend({ follow: z.boolean().optional() }),
    response: fileInfo,
    status: 200,
    errors,
  }),
  listTree: defineRoute({
    ...files,
    ...stream,
    id: 'listTree',
    method: 'GET',
    paths: ['/api/v1/files/tree'],
    summary: 'Everything below a directory: a line of JSON each, paths relative to it, links not followed',
    query: selection,
    status: 200,
    errors,
  }),
  findFiles: defineRoute({
    ...files,
    ...stream,
    id: 'findFiles',
    method: 'GET',
    paths: ['/api/v1/files/find'],
    summary: 'What fits one of the patterns below a directory, 1,000 by default: a line of JSON each',
    query: selection.extend({
      pattern,
      type: z.enum(['file', 'directory', 'symlink', 'other']).optional(),
    }),
    status: 200,
    errors,
  }),
  searchFiles: defineRoute({
    ...files,
    ...stream,
    id: 'searchFiles',
    method: 'GET',
    paths: ['/api/v1/files/search'],
    summary:
      'Lines that hold a text or fit a regular expression (RE2), 1,000 by default; binary files are left out',
    query: selection.extend({
      query: z.string(),
      regex: z.boolean().optional(),
      ignore_case: z.boolean().optional(),
      pattern,
    }),
    status: 200,
    errors,
  }),
  watchFiles: defineRoute({
    ...files,
    ...stream,
    id: 'watchFiles',
    method: 'GET',
    paths: ['/api/v1/files/watch'],
    summary:
      'Changes in a directory as they happen: a line of JSON each, `ready` first; `overflow` where some are missing',
    query: path.extend({ recursive: z.boolean().optional(), exclude: pattern }),
    status: 200,
    errors,
  }),
  downloadTree: defineRoute({
    ...files,
    ...stream,
    id: 'downloadTree',
    method: 'GET',
    paths: ['/api/v1/files/archive'],
    summary: 'A directory as a tar; what cannot be read breaks the answer off',
    query: path.extend({
      max_depth: z.number().int().min(0).optional(),
      exclude: z.array(z.string()).optional(),
      exclude_hidden: z.boolean().optional(),
    }),
    status: 200,
    errors,
  }),
  uploadTree: defineRoute({
    ...files,
    id: 'uploadTree',
    method: 'PUT',
    paths: ['/api/v1/files/archive'],
    summary: 'Unpack a tar, or a tar.gz, into a directory, which is made; nothing leads out of it',
    query: path.extend({ keep_owners: z.boolean().optional() }),
    bodyKind: 'stream',
    response: extractedArchive,
    status: 200,
    errors,
  }),
  makeDirectory: defineRoute({
    ...files,
    id: 'makeDirectory',
    method: 'POST',
    paths: ['/api/v1/files/mkdir'],
    summary: 'Make a directory; with `parents` it may be there already',
    query: path.extend({ parents: z.boolean().optional(), mode: z.string().optional() }),
    status: 204,
    errors,
  }),
  moveFile: defineRoute({
    ...files,
    id: 'moveFile',
    method: 'POST',
    paths: ['/api/v1/files/move'],
    summary: 'Move a file or a directory; parents of the new path are made',
    query: transfer,
    status: 204,
    errors,
  }),
  copyFile: defineRoute({
    ...files,
    id: 'copyFile',
    method: 'POST',
    paths: ['/api/v1/files/copy'],
    summary: 'Copy a file, or a directory with all that is in it; links stay links, holes stay holes',
    query: transfer,
    status: 204,
    errors,
  }),
  setFileAttributes: defineRoute({
    ...files,
    id: 'setFileAttributes',
    method: 'POST',
    paths: ['/api/v1/files/attributes'],
    summary: 'Change mode (octal), owner (`name`, `uid`, `name:group`) or group, also of a whole tree',
    query: path.extend({
      mode: z.string().optional(),
      owner: z.string().optional(),
      group: z.string().optional(),
      recursive: z.boolean().optional(),
    }),
    status: 204,
    errors,
  }),
} as const;
