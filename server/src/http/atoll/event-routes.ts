import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { ChangedKind, ChangeFeed, FeedItem } from '../../store/change-feed.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { lastEventId } from '../last-event-id.ts';

/** What something is now, as the route that gets it shows it; throws an ApiError when it is gone. */
export type EventViews = Record<ChangedKind, (target: string, context: RequestContext) => object>;

interface Options {
  feed: ChangeFeed;
  views: EventViews;
  /** Aborts when the server stops. */
  closing: AbortSignal;
}

/** Proxies cut connections on which nothing is said for a minute. */
const IDLE_MS = 15_000;

/** What happens in a workspace, as it happens. */
export function eventRoutes({ feed, views, closing }: Options): Binding[] {
  return [
    bind(routes.streamEvents, ({ query }, context) => {
      const after = query.after ?? lastEventId(context.header('last-event-id'));
      const signal = AbortSignal.any([context.signal, closing]);
      const following = { idleMs: IDLE_MS, signal, ...(after !== undefined && { after }) };
      context.contentType('text/event-stream');
      return toServerSentEvents(feed.follow(context.caller.workspace.id, following), views, context);
    }),
  ];
}

async function* toServerSentEvents(
  items: AsyncIterable<FeedItem>,
  views: EventViews,
  context: RequestContext,
): AsyncGenerator<string> {
  for await (const item of items) {
    if (item.kind === 'idle') yield ': idle\n\n';
    else
      yield `id: ${item.id}\nevent: ${item.kind}\ndata: ${JSON.stringify(withView(item, views, context))}\n\n`;
  }
}

function withView(item: FeedItem, views: EventViews, context: RequestContext): object {
  if (!('target' in item)) return item;
  try {
    return { ...item, now: views[item.kind](item.target, context) };
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return item;
    throw error;
  }
}
