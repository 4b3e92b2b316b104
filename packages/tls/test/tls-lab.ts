import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PeerNode, type Connection, type DisconnectReason, type SocketAddress } from '@pea2pea/core';
import {
  createPeer,
  OnConnect,
  OnDisconnect,
  OnMessage,
  Peer,
  type PeerConfig,
  type ListedPlugin,
} from '@pea2pea/decorators';
import { tls, Tls, type TlsOptions } from '@pea2pea/tls';
import { authority } from '@pea2pea/testing/certificates';
import { ANYWHERE, lab, type LogLine, recordingLogger, textCodec, warningsIn } from '@pea2pea/testing';

const { own } = lab();

/** Of all tests in a file. */
export const trusted = await authority();
/** For 127.0.0.1 and localhost. */
export const mine = await trusted.issue({ commonName: 'mine' });
export const theirs = await trusted.issue({ commonName: 'theirs' });

export interface PartyOptions {
  /** Undefined: no TLS at all. */
  readonly tls: TlsOptions | undefined;
  readonly before?: readonly ListedPlugin[];
  readonly plugins?: readonly ListedPlugin[];
  readonly config?: PeerConfig;
  readonly onMessage?: (text: string, connection: Connection<string>) => void;
  readonly onDisconnect?: (connection: Connection<string>) => void;
}

/** A listening peer over TCP that writes down what its hooks hear. It echoes what begins with `echo`. */
export async function party({ tls: options, before = [], plugins = [], config, ...hooks }: PartyOptions) {
  const opened: Connection<string>[] = [];
  const messages: string[] = [];
  const reasons: DisconnectReason[] = [];
  const log: LogLine[] = [];
  @Peer({
    codec: textCodec(),
    plugins: [...before, ...(options === undefined ? [] : [tls(options)]), ...plugins],
  })
  class Party {
    @OnConnect()
    open(connection: Connection<string>) {
      opened.push(connection);
    }
    @OnMessage()
    said(text: string, connection: Connection<string>) {
      messages.push(text);
      if (text.startsWith('echo')) connection.trySend(text.toUpperCase());
      hooks.onMessage?.(text, connection);
    }
    @OnDisconnect()
    ended(connection: Connection<string>, reason: DisconnectReason) {
      reasons.push(reason);
      hooks.onDisconnect?.(connection);
    }
  }
  const handle = own(
    await createPeer(Party, {
      config: { listen: ANYWHERE, logger: recordingLogger(log), maxConnectionsPerIp: 100, ...config },
    }),
  );
  return {
    handle,
    node: handle.node,
    address: handle.address!,
    opened,
    messages,
    reasons,
    log,
    /** What it said of setups that failed. */
    refusals: () => warningsIn(log),
    get plugin() {
      return handle.get(Tls);
    },
    dial: (other: { readonly address: SocketAddress }) => handle.node.connect(other.address),
    [Symbol.asyncDispose]: async () => void (await handle.close()),
  };
}

export type Party = Awaited<ReturnType<typeof party>>;

/** A node without decorators that speaks plain lines. */
export function plainNode(): PeerNode<string> {
  return own(new PeerNode<string>({ codec: textCodec() }));
}

/** A bare TCP socket to `address`, which collects what it hears. */
export async function bareSocket(address: SocketAddress): Promise<{ socket: Socket; heard: () => Buffer }> {
  const socket = connect({ host: address.host, port: address.port });
  const chunks: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
  await once(socket, 'connect');
  return { socket, heard: () => Buffer.concat(chunks) };
}

/** As `until`, for what takes a busy machine a while. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still not: ${condition.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
