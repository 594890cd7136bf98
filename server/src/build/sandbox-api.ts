import { SANDBOX_API_IMAGE, SANDBOX_API_PATH } from '../image/sandbox-api-image.ts';

/** Who writes either of these into a Dockerfile takes care of the program himself. */
const mentions = /sandbox-api|blaxel-ai\/sandbox/;

const addition = `COPY --from=${SANDBOX_API_IMAGE}:latest /sandbox-api ${SANDBOX_API_PATH}`;

/** What the log of a build says that added the program. */
export const sandboxApiNotice = `the Dockerfile has no sandbox-api: \`${addition}\` was added to it`;

/**
 * A Dockerfile whose last stage has the program that scripts of Blaxel images start; undefined where it needs nothing.
 * Heredocs end before the end of a file that can be read, so a line at its end belongs to the last stage.
 */
export function withSandboxApi(dockerfile: string): string | undefined {
  return mentions.test(dockerfile) ? undefined : `${dockerfile}\n${addition}\n`;
}
