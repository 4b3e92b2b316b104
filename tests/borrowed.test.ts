import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { json, lengthDelimited, lines, mapCodec } from '@pea2pea/codecs';
import {
  memoryTransport,
  PeerNode,
  tcpTransport,
  type Codec,
  type Connection,
  type Hooks,
  type NodeConfig,
} from '@pea2pea/core';
import { free, LEAST_FREED } from '@pea2pea/core/authoring';
import { seededRandom } from '@pea2pea/core/testing';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { tls } from '@pea2pea/tls';
import { selfSigned } from '@pea2pea/testing/certificates';
import { ANYWHERE, lab, until } from '@pea2pea/testing';

const { own } = lab();
const { key, cert } = await selfSigned();

/** What messages are cut from, so that each is compared byte by byte with what it has to be. */
const SOURCE = randomBytes(1024 * 1024);
const HEAD = 8;

/** The message of a number: mostly short ones, some of a few chunks. */
function messageOf(number: number): Buffer {
  const random = seededRandom(number + 1);
  const dice = random.next();
  const most = dice < 0.9 ? 300 : dice < 0.99 ? 9_000 : 150_000;
  const length = Math.floor(random.next() * most);
  const from = Math.floor(random.next() * (SOURCE.length - length));
  const message = Buffer.alloc(HEAD + length);
  message.writeUInt32BE(number, 0);
  message.writeUInt32BE(from, 4);
  SOURCE.copy(message, HEAD, from, from + length);
  return message;
}

/** Whether the message is as it was sent. */
function isIntact(message: Buffer): boolean {
  if (message.length < HEAD) return false;
  const from = message.readUInt32BE(4);
  return message.compare(SOURCE, from, from + message.length - HEAD, HEAD) === 0;
}

const CHANNELS = {
  plain: () => [],
  noise: () => [noise({ pattern: 'Noise_XX_25519_ChaChaPoly_SHA256', staticKey: generateKeyPair() })],
  tls: (isServer: boolean) => [tls(isServer ? { key, cert } : { rejectUnauthorized: false })],
} as const;
const TRANSPORTS = { tcp: tcpTransport, memory: memoryTransport } as const;

interface Line {
  readonly transport: keyof typeof TRANSPORTS;
  readonly channel: keyof typeof CHANNELS;
  readonly config?: Partial<NodeConfig<never, never>>;
}

/** A connection to a node whose messages `hooks` take. */
async function connected<In, Out>(
  codec: Codec<In, Out>,
  hooks: Hooks<In, Out>,
  { transport, channel, config }: Line,
): Promise<{ sender: Connection<In, Out>; server: PeerNode<In, Out> }> {
  const network = TRANSPORTS[transport]();
  const make = (isServer: boolean): PeerNode<In, Out> => {
    const node = own(new PeerNode<In, Out>({ codec, transport: network, ...config }));
    for (const plugin of CHANNELS[channel](isServer)) node.use(plugin);
    return node;
  };
  const server = make(true).use(hooks);
  const client = make(false).use({ onMessage() {} });
  const sender = await client.connect(await server.listen(ANYWHERE));
  return { sender, server };
}

async function sendAll(sender: Connection<never, Buffer>, count: number): Promise<void> {
  for (let number = 0; number < count;) {
    if (sender.trySend(messageOf(number))) number++;
    else await sender.drained();
  }
}

/** Handlers that return at once, and some that settle in a later turn; they look at what they have until then. */
function lookingHandler(looked: { count: number; bad: number[]; kept: Buffer[] }): Hooks<Buffer> {
  const look = (message: Buffer, number: number): void => {
    if (!isIntact(message) || message.readUInt32BE(0) !== number) looked.bad.push(number);
  };
  return {
    onMessage(message) {
      const number = looked.count;
      look(message, number);
      if (number % 40 === 0) looked.kept.push(message);
      if (number % 50 !== 0) {
        looked.count++;
        return undefined;
      }
      return nextTurn().then(() => {
        look(message, number);
        looked.count++;
      });
    },
  };
}

const LINES: Line[] = [
  { transport: 'tcp', channel: 'plain' },
  { transport: 'tcp', channel: 'noise' },
  { transport: 'tcp', channel: 'tls' },
  { transport: 'memory', channel: 'plain' },
  { transport: 'memory', channel: 'noise' },
  { transport: 'memory', channel: 'tls' },
];
const named = LINES.map((line) => [`${line.channel} over ${line.transport}`, line] as const);

describe.each(named)('%s', (_name, line) => {
  const count = line.transport === 'tcp' ? 100_000 : 20_000;

  it('borrowed messages are whole until their handler is done, and never show those of others', async () => {
    const looked = { count: 0, bad: [] as number[], kept: [] as Buffer[] };
    const codec = lengthDelimited({ borrowed: true });
    const { sender } = await connected(codec, lookingHandler(looked), line);
    await sendAll(sender as unknown as Connection<never, Buffer>, count);
    await until('all are handled', () => looked.count === count, 120_000);
    expect(looked.bad).toEqual([]);
    expect(looked.kept.length).toBeGreaterThan(100);
    expect(looked.kept.filter((message) => message.length > 0 && !isIntact(message))).toEqual([]);
  }, 150_000);

  it('messages that are not borrowed are whole for as long as somebody keeps them', async () => {
    const looked = { count: 0, bad: [] as number[], kept: [] as Buffer[] };
    const { sender } = await connected(lengthDelimited(), lookingHandler(looked), line);
    await sendAll(sender as unknown as Connection<never, Buffer>, count / 5);
    await until('all are handled', () => looked.count === count / 5, 120_000);
    expect(looked.bad).toEqual([]);
    expect(looked.kept.filter((message) => !isIntact(message))).toEqual([]);
  }, 150_000);

  it('objects and strings are whole, whatever became of their bytes', async () => {
    for (const codec of [
      json<string>(),
      json<string>(lines({ maxLength: 1024 * 1024 })),
      lines({ maxLength: 1024 * 1024 }),
    ]) {
      const texts = Array.from({ length: 300 }, (_, number) => messageOf(number * 7).toString('base64'));
      const received: string[] = [];
      const { sender } = await connected(codec, { onMessage: (text) => void received.push(text) }, line);
      for (const text of texts) {
        if (!sender.trySend(text)) await sender.drained().then(() => sender.trySend(text));
      }
      await until('all came', () => received.length === texts.length);
      expect(received).toEqual(texts);
    }
  });

  it('messages that are pulled are whole though they are borrowed', async () => {
    const network = TRANSPORTS[line.transport]();
    const codec = lengthDelimited({ borrowed: true });
    const make = (isServer: boolean): PeerNode<Buffer, Uint8Array | string> => {
      const node = own(new PeerNode<Buffer, Uint8Array | string>({ codec, transport: network }));
      for (const plugin of CHANNELS[line.channel](isServer)) node.use(plugin);
      return node;
    };
    const server = make(true);
    let inbound: Connection<Buffer, Uint8Array | string> | undefined;
    server.use({ onConnect: (connection) => void (inbound = connection) });
    const sender = await make(false).connect(await server.listen(ANYWHERE));
    const large = Buffer.alloc(70_000, 7);
    for (let round = 0; round < 6; round++) sender.trySend(large);
    await until('it is open', () => inbound !== undefined);
    const pulled: Buffer[] = [];
    while (pulled.length < 6) pulled.push(await inbound!.next());
    for (const message of pulled) expect(message.equals(large)).toBe(true);
  });
});

describe.each(named.filter(([, { transport }]) => transport === 'tcp'))('memory of %s', (_name, line) => {
  it('that was borrowed is freed when the handler has returned, and when its promise has settled', async () => {
    const kept: Buffer[] = [];
    let settle: (() => void) | undefined;
    const hooks: Hooks<Buffer> = {
      onMessage(message) {
        kept.push(message);
        if (kept.length === 1) return undefined;
        return new Promise<void>((resolve) => (settle = resolve));
      },
    };
    const { sender } = await connected(lengthDelimited({ borrowed: true }), hooks, line);
    const large = Buffer.alloc(200_000, 7);
    await sender.send(large);
    await until('it is freed', () => kept[0]?.length === 0);
    await sender.send(large);
    await until('its handler waits', () => settle !== undefined);
    await nextTurn();
    expect(kept[1]!.equals(large)).toBe(true);
    settle!();
    await until('it is freed', () => kept[1]!.length === 0);
  });

  it('stays with who keeps it, where a map of a codec makes it one of theirs', async () => {
    const kept: Buffer[] = [];
    const codec = mapCodec(lengthDelimited(), {
      decode: (frame: Buffer) => ({ frame }),
      encode: ({ frame }: { frame: Buffer }) => frame,
    });
    const { sender } = await connected(codec, { onMessage: ({ frame }) => void kept.push(frame) }, line);
    const large = Buffer.alloc(200_000, 7);
    for (let round = 0; round < 3; round++) await sender.send({ frame: large });
    await until('all came', () => kept.length === 3);
    await nextTurn();
    for (const frame of kept) expect(frame.equals(large)).toBe(true);
  });
});

/** Before Node 21 memory is freed through a port, which has closed a turn after the first use. */
beforeAll(() =>
  until('memory can be freed', () => {
    const probe = Buffer.allocUnsafeSlow(LEAST_FREED);
    free(probe);
    return probe.length === 0;
  }),
);

describe('memory that others have, too, is not freed', () => {
  const codec = json<{ text: string }>();
  const large = { text: 'x'.repeat(30_000) };
  const frame = Buffer.concat([Buffer.of(0, 0, 0x75, 0x3b), Buffer.from(JSON.stringify(large))]);

  /** A node to which a bare socket writes, in one piece as far as the system lets it. */
  async function reached(hooks: Hooks<{ text: string }>): Promise<{ socket: Socket; received: unknown[] }> {
    const received: unknown[] = [];
    const server = own(new PeerNode({ codec, idleTimeoutMs: 0 })).use(hooks);
    server.use({ onMessage: (message) => void received.push(message) });
    const { port } = await server.listen(ANYWHERE);
    const socket = connect(port, ANYWHERE.host);
    await once(socket, 'connect');
    return { socket, received };
  }

  it('where a handshake has looked at it before', async () => {
    const views: Buffer[] = [];
    const { socket, received } = await reached({
      async onHandshake(handshake) {
        views.push(await handshake.peek(5_000));
        views.push(await handshake.read(5_000));
        handshake.unread(views[1]!);
      },
    });
    socket.write(Buffer.concat([frame, frame]));
    await until('both came', () => received.length === 2);
    expect(views.map((view) => view.equals(frame.subarray(0, 5_000)))).toEqual([true, true]);
    socket.destroy();
  });

  it('where whoever took the stream has looked at it and put it back', async () => {
    const views: Buffer[] = [];
    const { socket, received } = await reached({
      async onHandshake(handshake) {
        const stream = handshake.takeStream();
        await once(stream, 'readable');
        const chunk = stream.read() as Buffer;
        views.push(chunk);
        stream.unshift(chunk);
      },
    });
    socket.write(frame);
    await until('it came', () => received.length === 1);
    expect(views[0]!.equals(frame.subarray(0, views[0]!.length))).toBe(true);
    expect(views[0]!.length).toBeGreaterThan(4_096);
    socket.destroy();
  });

  it('where somebody else listens to the stream', async () => {
    const views: Buffer[] = [];
    const { socket, received } = await reached({
      onHandshake(handshake) {
        const stream: Duplex = handshake.takeStream();
        stream.on('data', (chunk: Buffer) => void views.push(chunk));
        stream.pause();
      },
    });
    socket.write(Buffer.concat([frame, frame]));
    await until('both came', () => received.length === 2);
    expect(Buffer.concat(views).equals(Buffer.concat([frame, frame]))).toBe(true);
    socket.destroy();
  });

  it('where a renegotiation goes on with it', async () => {
    const views: Buffer[] = [];
    const { socket, received } = await reached({
      async onMessage(_message, connection) {
        if (views.length > 0) return;
        await connection.renegotiate(async (handshake) => {
          views.push(await handshake.read(frame.length));
        });
      },
    });
    socket.write(Buffer.concat([frame, frame, frame]));
    await until('two came', () => received.length === 2);
    expect(views[0]!.equals(frame)).toBe(true);
    socket.destroy();
  });

  it('where the stream is handed over', async () => {
    let detached: { head: Buffer; stream: Duplex } | undefined;
    const { socket } = await reached({
      async onMessage(_message, connection) {
        detached = await connection.detach();
      },
    });
    socket.write(Buffer.concat([frame, frame]));
    await until('it is handed over', () => detached !== undefined);
    const chunks: Buffer[] = [detached!.head];
    detached!.stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
    detached!.stream.resume();
    await until('the rest came', () => Buffer.concat(chunks).length === frame.length);
    expect(Buffer.concat(chunks).equals(frame)).toBe(true);
    socket.destroy();
    detached!.stream.destroy();
  });

  it('where a stream that somebody brought along has it', async () => {
    const inbound = new PassThrough();
    const stream = Duplex.from({ readable: inbound, writable: new PassThrough() });
    const received: unknown[] = [];
    const node = own(new PeerNode({ codec })).use({ onMessage: (message) => void received.push(message) });
    await node.accept(stream, { address: '127.0.0.1:1' });
    const mine = Buffer.from(frame);
    inbound.write(mine);
    await until('it came', () => received.length === 1);
    expect(mine.equals(frame)).toBe(true);
  });
});
