// What the code of one sub-protocol may do wrong: the others, the connection and the process live on.
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { lengthDelimited, lines, mapCodec, records } from '@pea2pea/codecs';
import {
  PeerNode,
  type Codec,
  type Connection,
  type DisconnectReason,
  type Handshake,
  type Hooks,
} from '@pea2pea/core';
import { goodbyeOf, protocol, protocols, withProtocols, type ProtocolDefinition } from '@pea2pea/streams';
import { lab, recordingLogger, turn, until, type LogLine } from '@pea2pea/testing';

const { own } = lab();

const strays: unknown[] = [];
const onStray = (error: unknown): void => void strays.push(error);
beforeEach(() => void process.on('unhandledRejection', onStray));
afterEach(async () => {
  await turn(3);
  process.off('unhandledRejection', onStray);
  expect(strays.splice(0)).toEqual([]);
});

type Part = Partial<ProtocolDefinition<string>>;

/** Two nodes with the protocols `a` and `b`, and what the protocols of the first were told. */
async function join(a: Part, first: Hooks<string> = {}, codec: Codec<string> = lines()) {
  const told: string[] = [];
  const reasons: DisconnectReason[] = [];
  const log: LogLine[] = [];
  const sides = ([0, 1] as const).map((side) => {
    const node = own(
      new PeerNode<string>({
        codec: withProtocols(lines()),
        logger: recordingLogger(side === 0 ? log : []),
      }),
    );
    node.use(protocols());
    if (side === 0) {
      node.use(first);
      node.use({ onDisconnect: (_connection, reason) => void reasons.push(reason) });
    }
    const channels = Object.entries({ a, b: {} }).map(([name, part]) => {
      const plain = { name, versions: [1], codec, onMessage() {} };
      if (side === 1) return protocol<string>(node, plain);
      return protocol<string>(node, {
        ...plain,
        codec: lines(),
        onOpen: () => void told.push(`${name} opens`),
        onMessage: (message) => void told.push(`${name}: ${message}`),
        onClose: () => void told.push(`${name} closes`),
        ...part,
      });
    });
    return { node, channels };
  });
  const [ours, theirs] = sides as [(typeof sides)[0], (typeof sides)[0]];
  const address = await ours.node.listen({ host: '127.0.0.1', port: 0 });
  const connection = await theirs.node.connect(address);
  return { address, ours, theirs, connection, told, reasons, log };
}

describe('a protocol whose `onOpen`', () => {
  it.each([
    [
      'throws',
      (): void => {
        throw new Error('oops');
      },
    ],
    ['rejects', () => Promise.reject(new Error('oops'))],
  ])('%s fails as an `onConnect` does: all are opened, and closed', async (_what, onOpen) => {
    const { connection, told, reasons } = await join({ onOpen });
    await connection.closed;
    await until('it ended', () => told.length === 3);
    expect(told).toEqual(['b opens', 'a closes', 'b closes']);
    expect(reasons).toMatchObject([{ origin: 'on-connect' }]);
  });

  it('ends the connection keeps those after it from being opened, and from being closed', async () => {
    const { connection, told } = await join({ onOpen: (it) => void it.disconnect() });
    await connection.closed;
    await until('it ended', () => told.length > 0);
    expect(told).toEqual(['a closes']);
  });
});

describe('a protocol whose `onClose`', () => {
  it.each([
    [
      'throws',
      (): void => {
        throw new Error('oops');
      },
    ],
    ['rejects', () => Promise.reject(new Error('oops'))],
  ])(
    '%s fails as an `onDisconnect` does: the others are closed, and goodbye is said',
    async (_what, onClose) => {
      const { ours, connection, told, log } = await join({ onClose });
      await until('both are open', () => told.length === 2);
      const [inbound] = ours.node.connections as Iterable<Connection<string>>;
      await inbound!.disconnect('so long');
      await connection.closed;
      expect(told.at(-1)).toBe('b closes');
      expect(goodbyeOf(connection)).toEqual({ why: 'so long' });
      expect(log.filter(({ text }) => text === 'onDisconnect threw')).toHaveLength(1);
    },
  );
});

describe('a protocol whose codec', () => {
  const decoding = (returned: () => unknown): Codec<string> => ({
    ...lines(),
    decoder: () => ({
      decode(input) {
        input.skip(input.length);
        return returned() as string;
      },
    }),
  });

  it.each([
    ['undefined', () => undefined],
    ['a promise', () => Promise.reject(new Error('oops'))],
  ])('makes %s of a message ends its connection with P2P_ERR_BAD_DECODER', async (_what, returned) => {
    const { theirs, connection, told, reasons } = await join({ codec: decoding(returned) });
    await theirs.channels[0]!.send(connection, 'hello');
    await connection.closed;
    await until('it ended', () => reasons.length > 0);
    expect(reasons).toMatchObject([{ error: { code: 'P2P_ERR_BAD_DECODER' } }]);
    expect(told).not.toContain('a: undefined');
  });

  it('still holds a message at the end of a frame refuses the frame', async () => {
    const codec = records(lengthDelimited(), lines());
    const twoInOne = mapCodec(lengthDelimited(), { encode: (text: string) => text, decode: String });
    const { theirs, connection, told, reasons } = await join({ codec }, {}, twoInOne);
    await theirs.channels[0]!.send(connection, 'x\ny\n');
    await connection.closed;
    await until('it ended', () => reasons.length > 0);
    expect(reasons).toMatchObject([{ cause: 'invalid-frame' }]);
    expect(told.filter((line) => line.startsWith('a:'))).toEqual([]);
  });

  it('is made for a version, and is not a codec, fails the handshake as what makes no sense', async () => {
    const codec = (): Codec<string> => ({}) as Codec<string>;
    const { ours, connection, log } = await join({ codec });
    await connection.closed;
    expect(ours.node.heuristics.handshakeFailures).toBe(1);
    expect(log.at(-1)!.fields).toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
  });
});

it('the limit of a connection bounds the frames of all its protocols, before they have arrived', async () => {
  const { address, reasons } = await join(
    {},
    {
      onHandshake: (handshake: Handshake) => handshake.limits.set({ maxFrameLength: 100 }),
    },
  );
  const hello = Buffer.from('{"protocols":[]}');
  const socket = connect(address.port, '127.0.0.1').on('error', () => {});
  socket.write(Buffer.concat([Buffer.of(0, 0, 0, hello.length), hello, Buffer.of(0, 0, 0, 1, 0)]));
  await until('it ended', () => reasons.length > 0);
  expect(reasons).toMatchObject([{ error: { code: 'P2P_ERR_FRAME_TOO_LARGE' } }]);
  socket.destroy();
});
