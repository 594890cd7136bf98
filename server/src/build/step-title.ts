/** What a title says of a step. */
export interface LayerStepHead {
  readonly text: string;
  readonly instruction: string;
}

const MAX_TEXT_CHARS = 500;

/** `[2/5] RUN make`, or `[build 2/5] RUN make` where there are several stages. */
export function titleOf({
  stage,
  number,
  total,
  text,
}: {
  stage: string;
  number: number;
  total: number;
  text: string;
}): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const shown = line.length > MAX_TEXT_CHARS ? `${line.slice(0, MAX_TEXT_CHARS)}…` : line;
  return `[${stage === '' ? '' : `${stage} `}${number}/${total}] ${shown}`;
}
