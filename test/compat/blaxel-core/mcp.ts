import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import { installNpmFolder } from '../npm-folder.ts';
import type { SandboxInstance } from './client.ts';

/** What the tests use of the published client of the Model Context Protocol. */
interface McpClient {
  connect(transport: unknown): Promise<void>;
  close(): Promise<void>;
  listTools(): Promise<{ tools: { name: string; inputSchema: { required?: string[] } }[] }>;
  callTool(request: { name: string; arguments: Record<string, unknown> }): Promise<{
    content: { type: string; text: string }[];
    structuredContent?: Record<string, unknown>;
    isError?: boolean;
  }>;
}

const toolNames = [
  'processesList',
  'processExecute',
  'processGet',
  'processGetLogs',
  'processStop',
  'processKill',
  'fsGetWorkingDirectory',
  'fsListDirectory',
  'fsReadFile',
  'fsWriteFile',
  'fsEditFile',
  'fsDeleteFileOrDirectory',
  'codegenFileSearch',
  'codegenGrepSearch',
  'codegenListDir',
  'codegenReadFileRange',
  'codegenEditFile',
  'codegenReapply',
  'codegenParallelApply',
  'codegenCodebaseSearch',
  'codegenRerank',
];

/** The sandbox as a server of the Model Context Protocol, asked by the unmodified npm client that `@blaxel/core` uses. */
export function testMcp(server: () => TestServer, sandbox: () => SandboxInstance): void {
  let client: McpClient;

  const post = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${sandbox().metadata.url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server().apiKey}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: JSON.stringify(body),
    });
  const call = async (name: string, given: Record<string, unknown> = {}) => {
    const { structuredContent, isError, content } = await client.callTool({ name, arguments: given });
    return isError ? content[0]?.text : structuredContent;
  };

  beforeAll(async () => {
    const require = createRequire(join(await installNpmFolder('blaxel-npm'), 'package.json'));
    const { Client } = require('@modelcontextprotocol/sdk/client/index.js') as {
      Client: new (info: object) => McpClient;
    };
    const { StreamableHTTPClientTransport } =
      require('@modelcontextprotocol/sdk/client/streamableHttp.js') as {
        StreamableHTTPClientTransport: new (url: URL, options: object) => unknown;
      };
    client = new Client({ name: 'test', version: '1' });
    const requestInit = { headers: { authorization: `Bearer ${server().apiKey}` } };
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${sandbox().metadata.url}/mcp`), { requestInit }),
    );
  });
  afterAll(() => client?.close());

  test('all tools are listed, with what they must be given', async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(toolNames);
    const execute = tools.find(({ name }) => name === 'processExecute');
    expect(execute?.inputSchema.required).toEqual(['command']);
  });

  test('a process is run in the root folder, found, read and ended', async () => {
    const run = { command: 'pwd; echo $X', name: 'by-tool', env: { X: 'set' }, waitForCompletion: true };
    expect(await call('processExecute', run)).toMatchObject({
      process: { name: 'by-tool', status: 'completed', stdout: '/\nset\n', workingDir: '/' },
    });
    expect(await call('processGetLogs', { identifier: 'by-tool' })).toMatchObject({ logs: '/\nset\n' });
    const slow = { command: 'sleep 300', name: 'slow', waitForCompletion: true, timeout: 1 };
    expect(await call('processExecute', slow)).toMatchObject({ process: { status: 'running' } });
    expect(await call('processesList')).toMatchObject({
      processes: expect.arrayContaining([expect.objectContaining({ name: 'slow', status: 'running' })]),
    });
    expect(await call('processKill', { identifier: 'slow' })).toEqual({
      message: 'Process killed successfully',
    });
    await expect.poll(async () => (await sandbox().process.get('slow')).status).toBe('killed');
    expect(await call('processGet', { identifier: 'nobody' })).toBe('process not found');
  });

  test('a file is written, edited, looked through and deleted', async () => {
    const path = '/tmp/tool/a.txt';
    await call('fsWriteFile', { path, content: 'one\ntwo\ntwo\n', permissions: '0600' });
    expect(await call('fsEditFile', { path, oldString: 'two', newString: '2' })).toContain('2 times');
    expect(await call('fsEditFile', { path, oldString: 'one', newString: '1' })).toMatchObject({
      replacements: 1,
    });
    expect(await call('fsReadFile', { path })).toEqual({ path, content: '1\ntwo\ntwo\n' });
    expect(await call('codegenReadFileRange', { path, startLine: 2, endLine: 9 })).toMatchObject({
      content: 'two\ntwo\n',
      endLine: 4,
    });
    expect(
      await call('codegenGrepSearch', { query: '^t.o$', isRegexp: true, path: '/tmp/tool' }),
    ).toMatchObject({
      total: 2,
    });
    expect(await call('codegenFileSearch', { query: 'at', path: '/tmp/tool' })).toMatchObject({
      matches: [{ path: 'a.txt', type: 'file' }],
    });
    expect(await call('fsListDirectory', { path: '/tmp/tool' })).toMatchObject({
      files: [expect.objectContaining({ name: 'a.txt', permissions: '600' })],
    });
    await call('fsDeleteFileOrDirectory', { path: '/tmp/tool', recursive: true });
    expect(await call('fsReadFile', { path })).toBe('file or directory not found');
    expect(await call('fsReadFile')).toBe('path is required');
    expect(await call('codegenEditFile', { path, codeEdit: 'x' })).toContain('RELACE_API_KEY');
  });

  test('what is no request of the protocol is answered by its errors', async () => {
    const get = await fetch(`${sandbox().metadata.url}/mcp`, {
      headers: { authorization: `Bearer ${server().apiKey}` },
    });
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    const unknown = await post({ jsonrpc: '2.0', id: 7, method: 'resources/list' });
    expect(await unknown.json()).toEqual({
      jsonrpc: '2.0',
      id: 7,
      error: expect.objectContaining({ code: -32601 }),
    });
    const wrong = await post({ hello: 'there' });
    expect(await wrong.json()).toMatchObject({ id: null, error: { code: -32600 } });
    expect((await post({ jsonrpc: '2.0', method: 'notifications/initialized' })).status).toBe(202);
    const batch = await post([
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', method: 'notifications/cancelled' },
    ]);
    expect(await batch.json()).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }]);
  });

  test('what needs other services is refused with what to do instead', async () => {
    await expect(sandbox().codegen.fastapply('/tmp/x', 'edit')).rejects.toThrow('RELACE_API_KEY');
    await expect(sandbox().system.upgrade()).rejects.toThrow('agent of this server');
    const { stdout } = await sandbox().process.exec({
      command: 'curl -s localhost:8080/drives/mount',
      waitForCompletion: true,
    });
    expect(stdout).toContain('from outside of the sandbox');
  });

  test('variables are read again on request, and a browser may ask from anywhere', async () => {
    const call = (path: string, method: string) =>
      fetch(`${sandbox().metadata.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${server().apiKey}` },
      });
    const reloaded = await call('/environment/reload', 'POST');
    expect(await reloaded.json()).toEqual({
      applied: expect.any(Number),
      removed: 0,
      generation: expect.any(Number),
    });
    const { stdout } = await sandbox().process.exec({ command: 'echo $GREETING', waitForCompletion: true });
    expect(stdout).toBe('hello\n');
    const asked = await call('/process', 'OPTIONS');
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
  });
}
