import { ApiError } from '@atoll/protocol';

/** The number in the header `Last-Event-ID`, with which a reader of events goes on where it was. */
export function lastEventId(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ApiError('invalid_request', `Last-Event-ID is no number of an event: ${text}`);
}
