/** One server-sent event: its name (`message` when it has none) and its data. */
export interface ServerSentEvent {
  event: string;
  data: string;
}

/**
 * Reads a `text/event-stream` body as it comes. Chunks may end anywhere, lines may end in LF, CRLF or CR,
 * comments and unknown fields are skipped (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 * Leaving the loop early closes the connection.
 */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let event = '';
  let data: string[] = [];
  for await (const line of readLines(body)) {
    if (line === '') {
      if (data.length > 0) yield { event: event || 'message', data: data.join('\n') };
      event = '';
      data = [];
      continue;
    }
    const [field, value] = splitField(line);
    if (field === 'data') data.push(value);
    if (field === 'event') event = value;
  }
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon < 0) return [line, ''];
  const from = line[colon + 1] === ' ' ? colon + 2 : colon + 1;
  return [line.slice(0, colon), line.slice(from)];
}

const lineEnd = /\r\n|\n|\r/g;

/** A last line without an end is not given out: an event that was cut off must not be taken for a whole one. */
async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const pending: string[] = [];
  let endedInReturn = false;
  for await (const chunk of body) {
    let text = decoder.decode(chunk, { stream: true });
    if (text === '') continue;
    // The LF of a CRLF that was split between two chunks.
    if (endedInReturn && text.startsWith('\n')) text = text.slice(1);
    endedInReturn = text === '' ? false : text.endsWith('\r');
    let from = 0;
    for (const match of text.matchAll(lineEnd)) {
      pending.push(text.slice(from, match.index));
      yield pending.splice(0).join('');
      from = match.index + match[0].length;
    }
    if (from < text.length) pending.push(text.slice(from));
  }
}
