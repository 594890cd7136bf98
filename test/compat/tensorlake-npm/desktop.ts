import type { Sandbox } from 'tensorlake';
import { expect, test, vi } from 'vitest';

/** A VNC server with a blue screen, which prints what mouse and keys do. */
const standIn = `
import socket, struct
def take(n):
    data = b''
    while len(data) < n: data += c.recv(n - len(data)) or exit()
    return data
def serve():
    c.sendall(b'RFB 003.008\\n'); take(12)
    c.sendall(bytes([1, 1])); take(1)
    c.sendall(bytes(4)); take(1)
    c.sendall(struct.pack('>HH', 40, 20) + bytes([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]) + struct.pack('>I', 0))
    while True:
        kind = take(1)[0]
        if kind == 0: take(19)
        if kind == 2: take(4 * struct.unpack('>xH', take(3))[0])
        if kind == 3:
            take(9)
            c.sendall(struct.pack('>BxHHHHHi', 0, 1, 0, 0, 40, 20, 0) + bytes([255, 0, 0, 0]) * 800)
        if kind == 4: print('%d %x' % struct.unpack('>BxxI', take(7)), flush=True)
        if kind == 5: print('mouse %d %d,%d' % struct.unpack('>BHH', take(5)), flush=True)
s = socket.create_server(('127.0.0.1', 5901))
print('up', flush=True)
while True:
    c = s.accept()[0]
    # The client looks first whether somebody listens.
    try: serve()
    except (OSError, SystemExit): c.close()
`;

export function testDesktop(sandbox: () => Sandbox): void {
  test('connectDesktop sees the screen, and mouse and keys arrive in order', async () => {
    const { pid } = await sandbox().startProcess('python3', { args: ['-c', standIn] });
    const printed = async () => (await sandbox().getStdout(pid)).lines;
    await vi.waitFor(async () => expect(await printed()).toEqual(['up']), { timeout: 15_000 });
    const desktop = await sandbox().connectDesktop();
    expect([desktop.width, desktop.height]).toEqual([40, 20]);
    const isPng = (bytes: Uint8Array) => Buffer.from(bytes.subarray(1, 4)).toString() === 'PNG';
    expect(isPng(await desktop.screenshot())).toBe(true);
    expect(isPng(await desktop.screenshotAfter(desktop.getFrameVersion() - 1))).toBe(true);
    // Before each press and release the client moves to where it is.
    const acts: [() => Promise<void>, string][] = [
      [() => desktop.moveMouse(3, 4), 'mouse 0 3,4'],
      [() => desktop.mousePress({ x: 3, y: 4 }), 'mouse 0 3,4 | mouse 1 3,4'],
      [() => desktop.mouseRelease({ x: 5, y: 6 }), 'mouse 1 5,6 | mouse 0 5,6'],
      [() => desktop.click({ x: 7, y: 8 }), 'mouse 0 7,8 | mouse 1 7,8 | mouse 0 7,8'],
      [() => desktop.leftClick(1, 2), 'mouse 0 1,2 | mouse 1 1,2 | mouse 0 1,2'],
      [() => desktop.middleClick(1, 2), 'mouse 0 1,2 | mouse 2 1,2 | mouse 0 1,2'],
      [() => desktop.rightClick(1, 2), 'mouse 0 1,2 | mouse 4 1,2 | mouse 0 1,2'],
      [
        () => desktop.doubleClick({ x: 1, y: 1 }),
        'mouse 0 1,1 | mouse 1 1,1 | mouse 0 1,1 | mouse 1 1,1 | mouse 0 1,1',
      ],
      [() => desktop.scroll(1, 2, 2), 'mouse 0 2,2 | mouse 8 2,2 | mouse 0 2,2'],
      [() => desktop.scrollUp(1, 2, 2), 'mouse 0 2,2 | mouse 8 2,2 | mouse 0 2,2'],
      [() => desktop.scrollDown(1, 2, 2), 'mouse 0 2,2 | mouse 16 2,2 | mouse 0 2,2'],
      [() => desktop.keyDown('a'), '1 61'],
      [() => desktop.keyUp('a'), '0 61'],
      [() => desktop.press(['ctrl', 'c']), '1 ffe3 | 1 63 | 0 63 | 0 ffe3'],
      [() => desktop.typeText('b'), '1 62 | 0 62'],
    ];
    for (const [act] of acts) await act();
    const expected = acts.map(([, events]) => events).join(' | ');
    await vi.waitFor(async () => expect((await printed()).slice(1).join(' | ')).toBe(expected), {
      timeout: 15_000,
    });
    await desktop.close();
  });
}
