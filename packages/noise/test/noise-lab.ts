import type { Duplex } from 'node:stream';
import { memoryTransport, type Connection, type DisconnectReason, type Transport } from '@pea2pea/core';
import {
  createPeer,
  OnConnect,
  OnDisconnect,
  OnMessage,
  Peer,
  type PeerConfig,
  type ListedPlugin,
} from '@pea2pea/decorators';
import {
  generateKeyPair,
  noise,
  noiseHandshake,
  type NoiseChannel,
  type NoiseHandshakeOptions,
  type NoiseOptions,
  type NoiseWire,
} from '@pea2pea/noise';
import { lab, type LogLine, recordingLogger, textCodec, warningsIn } from '@pea2pea/testing';
import { duplexPair } from './duplex-pair.js';

const { own } = lab();

export const XX = 'Noise_XX_25519_ChaChaPoly_SHA256';

/** One pair for all tests that do not care whose it is: making one takes its time. */
export const ALICE = generateKeyPair();
export const BOB = generateKeyPair();
export const MALLORY = generateKeyPair();

/** A wire for {@link noiseHandshake} over any stream, which has what was not asked for in the end. */
export function wireOf(stream: Duplex): NoiseWire {
  return {
    read: (size) =>
      new Promise((resolve, reject) => {
        let got: Buffer = Buffer.alloc(0);
        const onData = (chunk: Buffer): void => {
          got = Buffer.concat([got, chunk]);
          if (got.length < size) return;
          letGo();
          if (got.length > size) stream.unshift(got.subarray(size));
          resolve(got.subarray(0, size));
        };
        const onEnd = (): void => {
          letGo();
          reject(new Error('the wire ended'));
        };
        const letGo = (): void => {
          stream.pause();
          stream.off('data', onData).off('end', onEnd).off('close', onEnd);
        };
        if (stream.readableEnded || stream.destroyed) onEnd();
        else stream.on('data', onData).on('end', onEnd).on('close', onEnd).resume();
      }),
    write: (bytes) =>
      new Promise<void>((resolve, reject) => {
        stream.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
  };
}

/** Both ends of a handshake over a pair of streams, which go on with what they answer. */
export async function shakeHands(
  initiator: Partial<NoiseHandshakeOptions> = {},
  responder: Partial<NoiseHandshakeOptions> = {},
): Promise<{ channels: [NoiseChannel, NoiseChannel]; raws: [Duplex, Duplex] }> {
  const raws = duplexPair();
  const channels = await Promise.all([
    noiseHandshake(wireOf(raws[0]), { pattern: XX, staticKey: ALICE, initiator: true, ...initiator }),
    noiseHandshake(wireOf(raws[1]), { pattern: XX, staticKey: BOB, initiator: false, ...responder }),
  ]);
  return { channels, raws };
}

/** Two encrypted streams that are connected, and what is under them. */
export async function securePair(
  options: Partial<NoiseHandshakeOptions> = {},
): Promise<{ streams: [Duplex, Duplex]; raws: [Duplex, Duplex] }> {
  const { channels, raws } = await shakeHands(options, options);
  return { streams: [channels[0].secure(raws[0]), channels[1].secure(raws[1])], raws };
}

export interface PartyOptions {
  readonly transport?: Transport;
  readonly plugins?: readonly ListedPlugin[];
  readonly config?: PeerConfig;
}

/** A listening peer that writes down what it hears and what becomes of its connections; without options a plain one. */
export async function party(
  options: Partial<NoiseOptions> | undefined,
  { transport = memoryTransport(), plugins = [], config }: PartyOptions = {},
) {
  const messages: string[] = [];
  const opened: Connection<string>[] = [];
  const reasons: DisconnectReason[] = [];
  const log: LogLine[] = [];
  const secured = options === undefined ? [] : [noise({ pattern: XX, staticKey: ALICE, ...options })];
  @Peer({ codec: textCodec(), plugins: [...secured, ...plugins] })
  class Party {
    @OnConnect()
    opens(connection: Connection<string>) {
      opened.push(connection);
    }
    @OnMessage()
    hears(text: string) {
      messages.push(text);
    }
    @OnDisconnect()
    ends(_connection: Connection, reason: DisconnectReason) {
      reasons.push(reason);
    }
  }
  const handle = own(
    await createPeer(Party, {
      config: { transport, listen: { host: '127.0.0.1', port: 0 }, logger: recordingLogger(log), ...config },
    }),
  );
  return {
    handle,
    node: handle.node,
    address: handle.address!,
    messages,
    opened,
    reasons,
    /** What was said at `warn` or above. */
    get warnings() {
      return warningsIn(log);
    },
    [Symbol.asyncDispose]: async () => void (await handle.close()),
  };
}

export type Party = Awaited<ReturnType<typeof party>>;
