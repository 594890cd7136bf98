import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Sandbox, TcpTunnel } from 'tensorlake';
import { expect, test, vi } from 'vitest';

const open = async ({ localHost, localPort }: TcpTunnel): Promise<Socket> => {
  const socket = connect(localPort, localHost);
  await once(socket, 'connect');
  return socket;
};

const readAll = async (socket: Socket): Promise<string> => {
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
  return text;
};

/** The first line, or what came before the end. */
async function readLine(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return text;
}

/** A server that greets, then answers each byte with itself. */
const echoServer = (port: number): string => `
import socket, threading
s = socket.create_server(('127.0.0.1', ${port}), backlog=512)
print('up', flush=True)
def serve(c):
    c.sendall(b'hello\\n')
    while data := c.recv(65536): c.sendall(data)
    c.close()
while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
`;

export function testTunnels(sandbox: () => Sandbox): void {
  const listen = async (port: number): Promise<void> => {
    const { pid } = await sandbox().startProcess('python3', { args: ['-c', echoServer(port)] });
    await vi.waitFor(async () => expect((await sandbox().getStdout(pid)).lines).toEqual(['up']), {
      timeout: 15_000,
    });
  };

  test('what the server says first arrives, and bytes go both ways', async () => {
    await listen(7001);
    const tunnel = await sandbox().createTunnel(7001, { localPort: 0 });
    expect(tunnel.address()).toEqual({ host: tunnel.localHost, port: tunnel.localPort });
    expect(tunnel.remotePort).toBe(7001);
    const socket = await open(tunnel);
    const [greeting] = await once(socket, 'data');
    expect(String(greeting)).toBe('hello\n');
    socket.write('ping');
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toBe('ping');
    socket.destroy();
    await tunnel.close();
  });

  test('twenty megabytes come back equal', async () => {
    await listen(7002);
    const tunnel = await sandbox().createTunnel(7002, { localPort: 0 });
    const socket = await open(tunnel);
    const size = 20 * 1024 * 1024;
    const sent = Buffer.alloc(size, 'abcdefg');
    const received: Buffer[] = [];
    let count = -'hello\n'.length;
    const done = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        received.push(chunk);
        count += chunk.length;
        if (count >= size) resolve();
      });
    });
    socket.write(sent);
    await done;
    expect(Buffer.concat(received).subarray('hello\n'.length).equals(sent)).toBe(true);
    socket.destroy();
    await tunnel.close();
  });

  test('a hundred connections at once', async () => {
    await listen(7003);
    const tunnel = await sandbox().createTunnel(7003, { localPort: 0 });
    const greetings = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const socket = await open(tunnel);
        const greeting = await readLine(socket);
        socket.destroy();
        return greeting;
      }),
    );
    expect(greetings).toEqual(Array.from({ length: 100 }, () => 'hello\n'));
    await tunnel.close();
  });

  test('the end of the server ends the local connection', async () => {
    const { pid } = await sandbox().startProcess('python3', {
      args: [
        '-c',
        "import socket; s=socket.create_server(('127.0.0.1',7004)); print('up',flush=True); c=s.accept()[0]; c.sendall(b'bye'); c.close()",
      ],
    });
    await vi.waitFor(async () => expect((await sandbox().getStdout(pid)).lines).toEqual(['up']));
    const tunnel = await sandbox().createTunnel(7004, { localPort: 0 });
    expect(await readAll(await open(tunnel))).toBe('bye');
    await tunnel.close();
  });
}
