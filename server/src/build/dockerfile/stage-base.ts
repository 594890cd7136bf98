import { variablesOf } from './build-args.ts';
import type { ArgValues } from './build-args.ts';
import type { Stage } from './dockerfile.ts';
import type { Expander } from './expander.ts';
import { parsePlatform } from './platform.ts';
import type { Platform } from './platform.ts';

/** Where files come from: another stage, an image, or nothing at all. */
export type FileOrigin =
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'scratch' };

export interface StageBase {
  readonly base: FileOrigin;
  readonly platform: Platform;
}

export interface BaseContext {
  readonly stages: readonly Stage[];
  readonly globals: ArgValues;
  readonly platform: Platform;
  readonly buildPlatform: Platform;
  readonly expander: Expander;
}

/** What a stage starts from. FROM finds earlier stages only. */
export function stageBase(stage: Stage, context: BaseContext): StageBase {
  const { from } = stage;
  const name = context.expander.word(from.image, variablesOf(context.globals), from).trim();
  if (name === '') {
    throw from.line.error(from.image.offset, `the base image ${from.image.text} is empty`, {
      hint: 'Give the ARG before FROM a default, or pass --build-arg.',
    });
  }
  const earlier = context.stages.slice(0, stage.index).findLast((other) => other.name === name.toLowerCase());
  return { base: toOrigin(name, earlier), platform: stagePlatform(stage, context) };
}

function toOrigin(name: string, stage: Stage | undefined): FileOrigin {
  if (stage) return { kind: 'stage', index: stage.index };
  return name === 'scratch' ? { kind: 'scratch' } : { kind: 'image', reference: name };
}

function stagePlatform({ from }: Stage, context: BaseContext): Platform {
  if (!from.platform) return context.platform;
  const text = context.expander.word(from.platform, variablesOf(context.globals), from);
  const platform = parsePlatform(text, context.buildPlatform);
  if (platform) return platform;
  throw from.line.error(from.platform.offset, `no platform is called ${JSON.stringify(text)}`, {
    hint: 'Write it like linux/amd64 or linux/arm64.',
  });
}
