import { readFile } from 'node:fs/promises';
import * as protocol from '@atoll/protocol';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { command } from '../../command.ts';
import { CliError } from '../../failure.ts';
import { list, text } from '../../parameter.ts';
import { declare } from './deploy.ts';
import { blOptions, connectBlaxel } from './option.ts';

const document = z.looseObject({
  kind: z.string().default('Sandbox'),
  metadata: z.looseObject({ name: z.string() }),
});

export const apply = command({
  name: 'apply',
  summary: 'make or replace sandboxes as files of YAML or JSON declare them',
  examples: ['apply -f sandbox.yaml', 'get sandbox my-sandbox -o json | bl apply -f -'],
  args: {},
  options: {
    ...blOptions,
    file: list(
      '-f, --filename <file>',
      'documents of one declaration or of an array of them; - is standard input',
      text,
    ),
  },
  failure: 'apply',
  run: async ({ options, context }) => {
    if (options.file.length === 0) throw new CliError('nothing to apply', '`bl apply -f FILE`.');
    const connection = connectBlaxel(context, options);
    for (const file of options.file) {
      for (const { name, body } of readDeclarations(file, await contentOf(file, context.stdin))) {
        await declare(connection, name, body, context.signal);
        await context.output.line(`Sandbox ${name} applied`);
      }
    }
  },
});

async function contentOf(file: string, stdin: NodeJS.ReadStream): Promise<string> {
  if (file !== '-')
    return readFile(file, 'utf8').catch((error: Error) => {
      throw new CliError(`${file} cannot be read: ${error.message}`);
    });
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString('utf8');
}

/** All are read before the first is made. */
function readDeclarations(file: string, content: string) {
  return parseDocuments(file, content).map((value) => {
    const found = document.safeParse(value);
    if (!found.success) throw new CliError(`${file}: ${issueOf(found.error)}`);
    const { kind, metadata } = found.data;
    if (kind.toLowerCase() !== 'sandbox')
      throw new CliError(`${file}: ${kind} ${metadata.name} is not served here`, 'Sandboxes are.');
    const body = protocol.blaxelSandboxBody.safeParse(value);
    if (!body.success) throw new CliError(`${file}: ${metadata.name}: ${issueOf(body.error)}`);
    return { name: metadata.name, body: body.data };
  });
}

/** How often what was named once may be repeated: a few lines must not become all of the memory. */
const MAX_ALIASES = 100;

/** JSON is YAML too. Empty documents declare nothing. */
function parseDocuments(file: string, content: string): unknown[] {
  const documents = parseAllDocuments(content);
  if ('empty' in documents) return [];
  return documents.flatMap((document): unknown => {
    const [error] = document.errors;
    if (error) throw new CliError(`${file}: ${error.message}`);
    return document.toJS({ maxAliasCount: MAX_ALIASES }) ?? [];
  });
}

const issueOf = ({ issues: [issue] }: z.ZodError): string => `${issue?.path.join('.')}: ${issue?.message}`;
