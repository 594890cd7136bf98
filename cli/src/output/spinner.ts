import type { Sink } from './output.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;

/** Turns until it is stopped, then leaves nothing behind. */
export function startSpinner(sink: Sink, text: string): () => void {
  const startedAt = Date.now();
  let turn = 0;
  const draw = () => {
    const seconds = Math.floor((Date.now() - startedAt) / 1000);
    sink.write(`\r\x1b[2K${frames[turn++ % frames.length]} ${text}${seconds > 0 ? ` (${seconds} s)` : ''}`);
  };
  draw();
  const timer = setInterval(draw, frameMs);
  return () => {
    clearInterval(timer);
    sink.write('\r\x1b[2K');
  };
}
