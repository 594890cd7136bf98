import { SandboxError } from '../errors.ts';
import type { ByteChannel } from './byte-channel.ts';
import { answerChallenge } from './vnc-password.ts';

export interface HandshakeOptions {
  password: string | undefined;
  shared: boolean;
}

const NONE = 1;
const VNC_PASSWORD = 2;
const MAX_REASON_BYTES = 4096;
const MAX_NAME_BYTES = 1024 * 1024;

/** 32 bits for each pixel, little-endian, 24 of them colour: blue, green, red. */
const pixelFormat = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
const RAW = 0;
export const DESKTOP_SIZE = -223;

/** Agrees on protocol, password and pixels (RFC 6143, 7.1 to 7.5); answers the size of the screen. */
export async function shakeHands(
  channel: ByteChannel,
  { password, shared }: HandshakeOptions,
): Promise<{ width: number; height: number }> {
  const minor = await agreeOnVersion(channel);
  const security = await chooseSecurity(channel, minor, password !== undefined);
  if (security === VNC_PASSWORD) {
    await channel.send(answerChallenge(password ?? '', await channel.read(16)));
  }
  // Before 3.8 nothing is said of a success without a password, and no reason is given for a failure.
  if (security === VNC_PASSWORD || minor >= 8) await requireSuccess(channel, minor);
  await channel.send(Buffer.from([shared ? 1 : 0]));
  const init = await channel.read(24);
  await channel.skip(boundedLength(init.readUInt32BE(20), MAX_NAME_BYTES));
  await channel.send(Buffer.from([0, 0, 0, 0, ...pixelFormat]));
  await channel.send(setEncodings([RAW, DESKTOP_SIZE]));
  return { width: init.readUInt16BE(0), height: init.readUInt16BE(2) };
}

async function agreeOnVersion(channel: ByteChannel): Promise<number> {
  const greeting = (await channel.read(12)).toString('latin1');
  const [, offered] = /^RFB 003\.(\d{3})\n$/.exec(greeting) ?? [];
  if (offered === undefined) throw new SandboxError('no VNC server answers there');
  const minor = Number(offered) >= 8 ? 8 : Number(offered) === 7 ? 7 : 3;
  await channel.send(Buffer.from(`RFB 003.00${minor}\n`, 'latin1'));
  return minor;
}

async function chooseSecurity(channel: ByteChannel, minor: number, hasPassword: boolean): Promise<number> {
  if (minor === 3) {
    const dictated = (await channel.read(4)).readUInt32BE(0);
    if (dictated === 0) throw await refusal(channel);
    return requireKnown([dictated], hasPassword);
  }
  const count = (await channel.read(1))[0] ?? 0;
  if (count === 0) throw await refusal(channel);
  const chosen = requireKnown([...(await channel.read(count))], hasPassword);
  await channel.send(Buffer.from([chosen]));
  return chosen;
}

function requireKnown(offered: readonly number[], hasPassword: boolean): number {
  const wanted = hasPassword ? [VNC_PASSWORD, NONE] : [NONE];
  const found = wanted.find((type) => offered.includes(type));
  if (found !== undefined) return found;
  const hint = offered.includes(VNC_PASSWORD) ? 'Pass `password` to connectDesktop.' : undefined;
  throw new SandboxError(`the desktop wants a login that is not supported: types ${offered.join(', ')}`, {
    hint,
  });
}

async function requireSuccess(channel: ByteChannel, minor: number): Promise<void> {
  if ((await channel.read(4)).readUInt32BE(0) === 0) return;
  if (minor >= 8) throw await refusal(channel);
  throw new SandboxError('the desktop refused the password');
}

async function refusal(channel: ByteChannel): Promise<SandboxError> {
  const length = boundedLength((await channel.read(4)).readUInt32BE(0), MAX_REASON_BYTES);
  return new SandboxError(
    `the desktop refused the connection: ${(await channel.read(length)).toString('utf8')}`,
  );
}

function boundedLength(length: number, most: number): number {
  if (length > most) throw new SandboxError('the desktop sends what no VNC server sends');
  return length;
}

function setEncodings(encodings: readonly number[]): Buffer {
  const message = Buffer.alloc(4 + 4 * encodings.length);
  message[0] = 2;
  message.writeUInt16BE(encodings.length, 2);
  for (const [index, encoding] of encodings.entries()) message.writeInt32BE(encoding, 4 + 4 * index);
  return message;
}
