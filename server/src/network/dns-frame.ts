import type { Socket } from 'node:net';

/** DNS over TCP: each message follows its length in two bytes. One that announces more than `maxBytes` ends the connection. */
export function readDnsFrames(socket: Socket, onFrame: (frame: Buffer) => void, maxBytes = 0xffff): void {
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, typeof chunk === 'string' ? Buffer.from(chunk) : chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0);
      const frame = pending.subarray(2, end);
      pending = pending.subarray(end);
      onFrame(frame);
    }
    if (pending.length >= 2 && pending.readUInt16BE(0) > maxBytes) socket.destroy();
  });
}

/** False when the other side does not read: then wait for `drain`. */
export function writeDnsFrame(socket: Socket, message: Buffer): boolean {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return socket.write(Buffer.concat([length, message]));
}
