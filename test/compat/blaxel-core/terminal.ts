import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { TestServer } from '../../fixtures/server.ts';
import type { SandboxInstance } from './client.ts';

interface Terminal {
  /** All that was printed so far. */
  readonly output: string;
  send(message: object): void;
  closed: Promise<number>;
  close(): void;
}

/** The terminal page and its WebSocket (wire 2.3). */
export function testTerminals(server: () => TestServer, sandbox: () => SandboxInstance): void {
  const url = (path: string) => `${sandbox().metadata.url}/terminal${path}`;
  const patience = { timeout: 30_000 };

  const open = async (query: string): Promise<Terminal> => {
    const address = url(`/ws?token=${server().apiKey}&${query}`).replace(/^http/, 'ws');
    const socket = new WebSocket(address);
    let output = '';
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as { type: string; data: string }; // by the wire
      if (message.type === 'output') output += message.data;
    });
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return {
      get output() {
        return output;
      },
      send: (message) => socket.send(JSON.stringify(message)),
      closed,
      close: () => socket.close(),
    };
  };

  test('the page comes whole, for a key in its address too', async () => {
    const page = await fetch(url(`?token=${server().apiKey}`));
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const text = await page.text();
    expect(text).not.toMatch(/<(script|link)[^>]+(src|href)=/);
    expect(text).toContain('new Terminal(');
    expect((await fetch(url(''))).status).toBe(401);
    const elsewhere = await fetch(`${sandbox().metadata.url}/process?token=${server().apiKey}`);
    expect(elsewhere.status).toBe(401);
    expect(
      (await fetch(url('/ws'), { headers: { authorization: `Bearer ${server().apiKey}` } })).status,
    ).toBe(426);
  });

  test('what is typed is run, in the size and the folder that were asked for', async () => {
    const terminal = await open('cols=90&rows=20&shell=/bin/sh&workingDir=/tmp');
    terminal.send({ type: 'input', data: 'stty size; pwd; printf "\\303\\274\\n"\n' });
    await expect.poll(() => terminal.output, patience).toMatch(/20 90\r\n\/tmp\r\n\u00fc\r\n/);
    terminal.send({ type: 'resize', cols: 100, rows: 30 });
    terminal.send({ type: 'input', data: 'stty size\n' });
    await expect.poll(() => terminal.output, patience).toContain('30 100\r\n');
    terminal.send({ type: 'input', data: 'exit\n' });
    expect(await terminal.closed).toBe(1000);
  });

  test('a client that comes back to its session finds it with what was printed', async () => {
    const first = await open('sessionId=mine&shell=/bin/sh');
    first.send({ type: 'input', data: 'x=kept; echo begun-$x\n' });
    await expect.poll(() => first.output, patience).toContain('begun-kept');
    first.close();
    await first.closed;
    const second = await open('sessionId=mine');
    await expect.poll(() => second.output, patience).toContain('begun-kept');
    second.send({ type: 'input', data: 'echo again-$x; exit\n' });
    await expect.poll(() => second.output, patience).toContain('again-kept');
    await second.closed;
  });

  test('a message that is none of the wire ends the client', async () => {
    const terminal = await open('');
    terminal.send({ type: 'wave' });
    expect(await terminal.closed).toBe(1008);
  });
}
