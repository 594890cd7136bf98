import { inflateSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { Desktop } from './desktop.ts';
import type { ConnectDesktopOptions } from './desktop.ts';
import { openStandIn, rectangle, rectangleHead, update } from './stand-in-vnc.ts';
import type { Script } from './stand-in-vnc.ts';
import { answerChallenge } from './vnc-password.ts';

async function open(script: Script, options: ConnectDesktopOptions = {}) {
  const { address, events } = await openStandIn(script);
  const desktop = await Desktop.connect(address, options);
  onTestFinished(() => desktop.close());
  return { desktop, events };
}

/** Rows of `rrggbb`, from a PNG whose rows are filtered by "up". */
function readPng(png: Buffer) {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const length = png.readUInt32BE(33);
  const rows = inflateSync(png.subarray(41, 41 + length));
  const stride = width * 3;
  let above = Buffer.alloc(stride);
  return Array.from({ length: height }, (_, y) => {
    const start = y * (stride + 1);
    expect(rows[start]).toBe(2);
    const filtered = rows.subarray(start + 1, start + 1 + stride);
    above = Buffer.from(filtered.map((byte, x) => byte + (above[x] ?? 0)));
    return above.toString('hex').match(/.{6}/g);
  });
}

test('a screenshot is what the server draws', async () => {
  const { desktop } = await open({
    draw: () => update(rectangle(0, 0, 4, 2, 0x112233), rectangle(1, 1, 2, 1, 0xff8000)),
  });
  expect([desktop.width, desktop.height]).toEqual([4, 2]);
  const png = await desktop.screenshot();
  expect(png.subarray(0, 8).toString('latin1')).toBe('\u0089PNG\r\n\u001a\n');
  expect(readPng(png)).toEqual([
    ['112233', '112233', '112233', '112233'],
    ['112233', 'ff8000', 'ff8000', '112233'],
  ]);
});

test('a screen that changes its size is asked for again', async () => {
  const draws = [update(rectangleHead(0, 0, 2, 1, -223)), update(rectangle(0, 0, 2, 1, 0xabcdef))];
  const { desktop } = await open({ draw: (request) => draws[request] ?? update() });
  expect(readPng(await desktop.screenshot())).toEqual([['abcdef', 'abcdef']]);
  expect([desktop.width, desktop.height]).toEqual([2, 1]);
});

test('a desktop that draws nothing holds up one screenshot, not the next', async () => {
  const { desktop } = await open({
    draw: (request) => (request === 0 ? Buffer.alloc(0) : update(rectangle(0, 0, 4, 2, 0x112233))),
  });
  await expect(desktop.screenshot({ timeout: 0.05 })).rejects.toThrow(
    'the desktop has drawn nothing in 0.05 s',
  );
  expect(readPng(await desktop.screenshot())).toEqual(Array(2).fill(Array(4).fill('112233')));
});

test('a password opens, a wrong one does not, and none says what is missing', async () => {
  const { events } = await open({ password: 'tensorlake' }, { password: 'tensorlake', shared: false });
  expect(events).toEqual(['shared 0']);
  await expect(open({ password: 'tensorlake' }, { password: 'other' })).rejects.toThrow('wrong password');
  await expect(open({ password: 'tensorlake' })).rejects.toMatchObject({
    hint: 'Pass `password` to connectDesktop.',
  });
});

test('eight characters of a password count, with their bits reversed', () => {
  const challenge = Buffer.alloc(16);
  expect(answerChallenge('tensorlake', challenge)).toEqual(answerChallenge('tensorla', challenge));
  // DES of zeros under the key of zeros.
  expect(answerChallenge('', challenge).toString('hex')).toBe('8ca64de9c1b123a78ca64de9c1b123a7');
});

test('mouse and keys arrive in the order of the calls', async () => {
  const { desktop, events } = await open({ width: 100, height: 100, draw: () => update() });
  await Promise.all([
    desktop.click({ x: 5, y: 6 }),
    desktop.drag({ x: 0, y: 0 }, { x: 10, y: 20 }, { steps: 2 }),
    desktop.scrollDown(1, 1, 1),
    desktop.rightClick(),
    desktop.press('ctrl+l'),
    desktop.typeText('é€'),
    desktop.press('+'),
  ]);
  await desktop.screenshot();
  expect(events.slice(1).join(' | ')).toBe(
    [
      'mouse 0 5,6 | mouse 1 5,6 | mouse 0 5,6',
      'mouse 0 0,0 | mouse 1 0,0 | mouse 1 5,10 | mouse 1 10,20 | mouse 1 10,20 | mouse 0 10,20',
      'mouse 0 1,1 | mouse 16 1,1 | mouse 0 1,1',
      'mouse 4 1,1 | mouse 0 1,1',
      'down ffe3 | down 6c | up 6c | up ffe3',
      'down e9 | up e9 | down 10020ac | up 10020ac',
      'down 2b | up 2b',
    ].join(' | '),
  );
});

test('what is not on the screen or the keyboard is refused, and the next call works', async () => {
  const { desktop, events } = await open({ draw: () => update() });
  await expect(desktop.moveMouse(4, 0)).rejects.toThrow('not on the screen');
  await expect(desktop.moveMouse(0.5, 0)).rejects.toThrow('not on the screen');
  await expect(desktop.drag({ x: 0, y: 0 }, { x: 4, y: 0 })).rejects.toThrow('not on the screen');
  await expect(desktop.press('hyper')).rejects.toThrow('no key is called "hyper"');
  await expect(desktop.typeText('\u0007')).rejects.toThrow('control character 7');
  await desktop.press('f5');
  await desktop.screenshot();
  expect(events.slice(1)).toEqual(['down ffc2', 'up ffc2']);
});

test.each([
  ['a screen beyond all bounds', update(rectangleHead(0, 0, 65_535, 65_535, -223)), /65535/],
  ['pixels outside of the screen', update(rectangleHead(3, 0, 2, 1, 0)), /outside/],
  ['an encoding that nobody asked for', update(rectangleHead(0, 0, 1, 1, 16)), /encoding 16/],
  ['a message that nobody asked for', Buffer.from([1, 0, 0, 0, 0, 0]), /type 1/],
])('%s ends the connection', async (_, answer, reason) => {
  const { desktop } = await open({ draw: () => answer });
  await expect(desktop.screenshot()).rejects.toThrow(reason);
  await expect(desktop.screenshot()).rejects.toThrow(reason);
});

test('who is no VNC server, or none at all, is told apart', async () => {
  await expect(open({ greeting: 'HTTP/1.1 400\n' })).rejects.toThrow('no VNC server answers there');
  const nobody = async () => ({ baseUrl: 'http://127.0.0.1:1', headers: {} });
  await expect(Desktop.connect(nobody, { connectTimeout: 1 })).rejects.toThrow();
  await expect(open({ greeting: 'RFB' }, { connectTimeout: 0.3 })).rejects.toThrow(
    'no desktop answers on port 5901',
  );
});
