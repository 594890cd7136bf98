/** What is used of it; it brings no types of its own. */
declare module '@novnc/novnc' {
  interface RfbOptions {
    shared?: boolean;
    credentials?: { password?: string };
  }

  /** A VNC client that draws into an element. */
  export default class RFB extends EventTarget {
    constructor(place: HTMLElement, url: string, options?: RfbOptions);
    scaleViewport: boolean;
    focusOnClick: boolean;
    background: string;
    focus(): void;
    disconnect(): void;
    sendCredentials(credentials: { password: string }): void;
    clipboardPasteFrom(text: string): void;
  }
}
