/** How what is confidential is kept; a text opens only in the place that it was sealed for. */
export interface Sealing {
  seal: (text: string, place: string) => { keyId: string; sealed: Buffer };
  open: (keyId: string, sealed: Uint8Array, place: string) => string;
  currentId: () => string;
}
