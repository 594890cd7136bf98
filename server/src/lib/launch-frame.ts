/** As in agent/internal/launch/frame.go: what it is, the length of the rest as four bytes, the rest. */
export const frames = { start: 1, input: 2, kill: 3, output: 4, errors: 5, end: 6, taken: 7 } as const;

const HEAD_BYTES = 5;

export function toFrame(kind: number, content: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + content.length);
  frame.writeUInt8(kind);
  frame.writeUInt32BE(content.length, 1);
  content.copy(frame, HEAD_BYTES);
  return frame;
}

export interface FrameHandler {
  /** With what a frame holds, in pieces as they come. */
  onPart: (kind: number, part: Buffer) => void;
  /** With the length of the whole, which may be zero. */
  onDone: (kind: number, length: number) => void;
}

/** Takes frames apart that come in whatever pieces. */
export function createFrameReader({ onPart, onDone }: FrameHandler): (chunk: Buffer) => void {
  let head = Buffer.alloc(0);
  let left = 0;
  /** Returns what comes after the head, once that is whole. */
  const readHead = (chunk: Buffer): Buffer => {
    const missing = HEAD_BYTES - head.length;
    if (missing === 0) return chunk;
    head = Buffer.concat([head, chunk.subarray(0, missing)]);
    if (head.length === HEAD_BYTES) left = head.readUInt32BE(1);
    return chunk.subarray(missing);
  };
  return (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      rest = readHead(rest);
      if (head.length < HEAD_BYTES) return;
      const part = rest.subarray(0, left);
      rest = rest.subarray(part.length);
      left -= part.length;
      if (part.length > 0) onPart(head.readUInt8(), part);
      if (left > 0) return;
      const [kind, length] = [head.readUInt8(), head.readUInt32BE(1)];
      head = Buffer.alloc(0);
      onDone(kind, length);
    }
  };
}
