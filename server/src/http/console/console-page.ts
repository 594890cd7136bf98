/** An answer that is no route's: a file of the console. */
export interface ConsolePage {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

/**
 * Scripts come from this server alone and none is in the page. Styles may be: the terminal writes its own while it
 * runs. Nothing may frame the console, so no page can lend a click.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const pageHeaders = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** What a checkout says that has no console yet. */
export function unbuiltPage(): ConsolePage {
  const text = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Atoll</title>
<body style="font: 16px/1.5 system-ui; max-width: 40rem; margin: 4rem auto; padding: 0 1rem">
<h1>Atoll is running</h1>
<p>Its API answers here. The web console has not been built in this checkout:</p>
<pre>scripts/setup.sh console</pre>
<p>Then load this page again; the server need not be restarted.</p>`;
  return {
    status: 503,
    headers: { ...pageHeaders, 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
    body: Buffer.from(text),
  };
}
