import { PeerNode, type Connection } from '@pea2pea/core';
import {
  generateKeyPair,
  noiseHandshake,
  type NoiseHandshakeOptions,
  type NoiseKeyPair,
  type NoiseSession,
} from '@pea2pea/noise';
import { silentLogger, textCodec, until } from '@pea2pea/testing';
import type { EndProcess } from '../harness/end-process.js';
import type { Bench } from '../harness/suite.js';

/** What a handshake is made with; keys are made where the pattern needs them. */
export interface Trial {
  /** With modifiers: `XXpsk3`. */
  readonly pattern: string;
  readonly cipher: string;
  readonly hash: string;
  /** Who is the initiator. */
  readonly dials: 'we' | 'it';
  readonly prologue?: Buffer;
  readonly psk?: Buffer;
  readonly rekeyAfter?: number;
  /** Where the two sides shall not agree. */
  readonly theirs?: { readonly prologue?: Buffer; readonly psk?: Buffer; readonly ourKey?: Buffer };
  /** The key that we take for that of the peer, in place of its own, where the pattern needs it beforehand. */
  readonly expected?: Buffer;
}

/** What both sides know after a handshake. */
export interface Met {
  readonly connection: Connection<string>;
  readonly session: NoiseSession;
  /** What came back. */
  readonly echoes: string[];
  readonly ours: Side;
  readonly theirs: Side;
}

interface Side {
  readonly hash: string;
  /** The key of the other side; empty where it has none. */
  readonly remote: string;
  readonly payloads: readonly string[];
}

/** Payloads for three messages, each other than the rest. */
const PAYLOADS = { ours: ['a1', 'a2a2', 'a3a3a3'], theirs: ['b1', 'b2b2', 'b3b3b3'] };

/** Made once: whose they are makes no difference. */
const keys = { ours: generateKeyPair(), theirs: generateKeyPair() };

export const protocolOf = ({ pattern, cipher, hash }: Trial): string =>
  `Noise_${pattern}_25519_${cipher}_${hash}`;

/** Whether the first (`0`) or second letter says that this side has a key. */
const hasKey = (pattern: string, isInitiator: boolean): boolean => pattern[isInitiator ? 0 : 1] !== 'N';
/** Whether a side knows the key of the other one beforehand. */
const knowsKey = (pattern: string, isInitiator: boolean): boolean => pattern[isInitiator ? 1 : 0] === 'K';

/** How many messages the handshake has. */
export const messageCount = (pattern: string): number =>
  ['XN', 'XK', 'XX'].includes(pattern.slice(0, 2)) ? 3 : 2;

/** Performs the handshake of `trial` with a running end. @throws {PeerError} why we refuse */
export async function meet({ own }: Bench, end: EndProcess, trial: Trial): Promise<Met> {
  const { pattern, dials, prologue, psk, rekeyAfter, theirs, expected } = trial;
  const weDial = dials === 'we';
  const settings = {
    protocol: protocolOf(trial),
    prologue: (theirs?.prologue ?? prologue)?.toString('hex') ?? '',
    key: hasKey(pattern, !weDial) ? keys.theirs.privateKey.toString('hex') : '',
    remote: knowsKey(pattern, !weDial) ? (theirs?.ourKey ?? keys.ours.publicKey).toString('hex') : '',
    psk: (theirs?.psk ?? psk)?.toString('hex') ?? '',
    pskPlace: Number(pattern.at(-1)) || 0,
    payloads: PAYLOADS.theirs,
    confirm: !weDial && messageCount(pattern) === 2, // a responder of ours waits for it: `keyConfirmation`
    rekeyAfter: rekeyAfter ?? 0,
  };
  const payloads: string[] = [];
  const echoes: string[] = [];
  const sessions: NoiseSession[] = [];
  const opened: Connection<string>[] = [];
  let sent = 0;
  const options = {
    pattern: protocolOf(trial),
    initiator: weDial,
    prologue,
    psk,
    rekeyAfterMessages: rekeyAfter,
    staticKey: ownKey(pattern, weDial),
    remoteStaticKey: knowsKey(pattern, weDial) ? (expected ?? keys.theirs.publicKey) : undefined,
    payload: () => Buffer.from(PAYLOADS.ours[sent++]!, 'hex'),
    onPayload: ({ payload }) => {
      payloads.push(payload.toString('hex'));
    },
  } satisfies NoiseHandshakeOptions;
  const node = own(new PeerNode<string>({ codec: textCodec(), logger: silentLogger })).use({
    async onHandshake(handshake) {
      const channel = await noiseHandshake(handshake, options);
      sessions.push(channel.session);
      handshake.upgrade(channel.secure(handshake.takeStream()), { reusesBuffers: true, neverReenters: true });
    },
    onConnect: (connection) => void opened.push(connection),
    onMessage: (text) => void echoes.push(text),
  });
  const met = weDial ? await weMeet(node, end, settings) : await itMeets(node, end, settings);
  await until('we are connected', () => opened.length === 1);
  const [session] = sessions as [NoiseSession];
  return {
    connection: opened[0]!,
    session,
    echoes,
    ours: {
      hash: session.handshakeHash.toString('hex'),
      remote: session.remoteStaticKey?.toString('hex') ?? '',
      payloads,
    },
    theirs: {
      hash: String(met['hash']),
      remote: String(met['remote']),
      payloads: met['payloads'] as string[],
    },
  };
}

/** What both sides must know then. */
export function expectation({ pattern, dials }: Trial): {
  readonly ours: Partial<Side>;
  readonly theirs: Partial<Side>;
} {
  const weDial = dials === 'we';
  const count = messageCount(pattern);
  const ofInitiator = Math.ceil(count / 2);
  const [fromUs, fromIt] = weDial ? [ofInitiator, count - ofInitiator] : [count - ofInitiator, ofInitiator];
  return {
    ours: {
      remote: hasKey(pattern, !weDial) ? keys.theirs.publicKey.toString('hex') : '',
      payloads: PAYLOADS.theirs.slice(0, fromIt),
    },
    theirs: {
      remote: hasKey(pattern, weDial) ? keys.ours.publicKey.toString('hex') : '',
      payloads: PAYLOADS.ours.slice(0, fromUs),
    },
  };
}

function ownKey(pattern: string, isInitiator: boolean): NoiseKeyPair | undefined {
  return hasKey(pattern, isInitiator) ? keys.ours : undefined;
}

type Settings = Readonly<Record<string, unknown>>;

async function weMeet(node: PeerNode<string>, end: EndProcess, settings: Settings) {
  const { port } = await end.run('listen', settings);
  await node.connect({ host: '127.0.0.1', port: Number(port) });
  // One of the two: the other one is never waited for, and may fail for want of it.
  const [shaken, refused] = [end.next('shaken'), end.next('refused')];
  for (const each of [shaken, refused]) each.catch(() => {});
  return await Promise.race([
    shaken,
    refused.then(({ error }) => {
      throw new Error(`${end.name} refuses: ${String(error)}`);
    }),
  ]);
}

async function itMeets(node: PeerNode<string>, end: EndProcess, settings: Settings) {
  const { port } = await node.listen({ host: '127.0.0.1', port: 0 });
  return await end.run('dial', { ...settings, port });
}
