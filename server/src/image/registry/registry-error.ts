/** What can be wrong with a request to a registry, in the words of the OCI distribution spec. */
export type RegistryErrorKind =
  | 'blob_unknown'
  | 'blob_upload_invalid'
  | 'blob_upload_unknown'
  | 'digest_invalid'
  | 'manifest_blob_unknown'
  | 'manifest_invalid'
  | 'manifest_unknown'
  | 'name_invalid'
  | 'name_unknown'
  | 'size_invalid'
  | 'too_large'
  | 'range_invalid'
  | 'pagination_number_invalid'
  | 'busy'
  | 'disk_full'
  | 'too_many_requests'
  | 'unsupported'
  | 'denied';

/** A failure of the registry that its client may see. */
export class RegistryError extends Error {
  readonly kind: RegistryErrorKind;
  readonly detail: unknown;

  constructor(kind: RegistryErrorKind, message: string, options: { cause?: unknown; detail?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'RegistryError';
    this.kind = kind;
    this.detail = options.detail;
  }
}
