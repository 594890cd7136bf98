import type { AuditEntry } from '@atoll/protocol';

/** A page of the audit record, newest first. */
export interface AuditPage {
  entries: AuditEntry[];
  nextCursor?: number;
}
