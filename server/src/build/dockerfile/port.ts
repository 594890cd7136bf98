import type { Place } from './instruction.ts';
import type { Word } from './word.ts';

/** Ports of one argument of EXPOSE, as `80/tcp`; a range gives each of its ports. */
export function parsePorts(text: string, word: Word, { line }: Place): string[] {
  const [, first = '', last = first, protocol = 'tcp'] =
    /^(?:.*:)?(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const [start, end] = [Number(first), Number(last)];
  if (first === '' || start > end || end > 65_535) {
    throw line.error(word.offset, `${JSON.stringify(text)} is not a port`, {
      hint: 'Write it like 80, 80/udp or 8000-8010.',
    });
  }
  return Array.from({ length: end - start + 1 }, (_, index) => `${start + index}/${protocol.toLowerCase()}`);
}
