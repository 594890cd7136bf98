import { readFile } from 'node:fs/promises';
import * as protocol from '@atoll/protocol';
import { command } from '../../command.ts';
import { UsageError } from '../../failure.ts';
import { flag, integer, list, required, text, value } from '../../parameter.ts';
import { blOptions, connectBlaxel } from './option.ts';
import { resourceOf } from './resource.ts';

const pair =
  (pattern: RegExp, wanted: string) =>
  (given: string): [string, string] => {
    const [, name, content] = pattern.exec(given) ?? [];
    if (name === undefined || content === undefined) throw new UsageError(`"${given}" is not ${wanted}`);
    return [name, content];
  };

export const run = command({
  name: 'run',
  summary: 'ask the API of a sandbox, or a server in it, and print the answer',
  examples: [
    `run sandbox my-sandbox --path /process -d '{"command": "ls", "waitForCompletion": true}'`,
    'run sandbox my-sandbox --path /filesystem/%2Fetc%2Fhostname',
  ],
  args: { resource: required('resource', 'sandbox'), name: required('name', 'of the sandbox') },
  options: {
    ...blOptions,
    path: value('--path <path>', 'below the address of the sandbox (/)', text),
    method: value('--method <method>', 'default: GET, or POST with a body', text),
    data: value('-d, --data <text>', 'the body, as JSON', text),
    file: value('-f, --file <file>', 'the body, of a file with JSON', text),
    uploadFile: value('--upload-file <file>', 'the body, of any file', text),
    params: list('--params <name=value>', 'of the query', pair(/^([^=]+)=([^]*)$/, 'NAME=VALUE')),
    header: list('--header <name: value>', 'of the request', pair(/^([^:=]+)[:=] ?([^]*)$/, 'NAME: VALUE')),
    stream: flag('--stream', 'the answer of a process as it comes'),
    timeout: value('--timeout <seconds>', 'how long the answer may take', integer(1)),
  },
  failure: 'run',
  run: async ({ args, options, context }) => {
    resourceOf(args.resource, ['sandbox']);
    const connection = connectBlaxel(context, options);
    const { signal } = context;
    const input = { params: { name: args.name }, query: {} };
    const { metadata } = await connection.call(protocol.getBlaxelSandbox, input, { signal });
    const json = options.data ?? (options.file && (await readFile(options.file, 'utf8')));
    const body = options.uploadFile === undefined ? json : await readFile(options.uploadFile);
    const query = new URLSearchParams(options.params).toString();
    const path = options.path ?? '/';
    const deadline = options.timeout === undefined ? [] : [AbortSignal.timeout(options.timeout * 1000)];
    const response = await connection.sandbox(metadata.url, {
      method: options.method ?? (body === undefined ? 'GET' : 'POST'),
      path: `${path.startsWith('/') ? path : `/${path}`}${query === '' ? '' : `?${query}`}`,
      headers: {
        ...(body !== undefined && {
          'content-type': options.uploadFile === undefined ? 'application/json' : 'application/octet-stream',
        }),
        ...(options.stream && { accept: 'text/event-stream' }),
        ...Object.fromEntries(options.header),
      },
      ...(body !== undefined && { body }),
      signal: AbortSignal.any([signal, ...deadline]),
    });
    for await (const chunk of response.body ?? []) await context.output.write(chunk as Uint8Array);
    if (context.output.isTerminal) await context.output.line('');
  },
});
