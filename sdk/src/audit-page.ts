import type { AuditEntry } from '@atoll/protocol';

export interface AuditQuery {
  /** 1 to 1000, default 100. */
  limit?: number | undefined;
  /** `nextCursor` of the page before. */
  cursor?: number | undefined;
  /** Only entries with it in their action, target, result, address or the name of the member; case does not matter. */
  text?: string | undefined;
}

/** A page of the audit record, newest first. With `nextCursor` there may be more, also where this page is not full. */
export interface AuditPage {
  entries: AuditEntry[];
  nextCursor?: number;
}
