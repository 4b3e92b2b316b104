import { describe, expect, it } from '@jest/globals';
import {
  contentLength,
  delimiter,
  jsonValues,
  lengthDelimited,
  lines,
  varintDelimited,
} from '@pea2pea/codecs';
import { Duplex } from 'node:stream';
import {
  encodeToBuffer,
  PeerNode,
  type Codec,
  type Connection,
  type Handshake,
  type LimitChanges,
} from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import {
  ANYWHERE,
  inMemory,
  join,
  lab,
  listen,
  rawConnect,
  silentLogger,
  turn,
  until,
} from '@pea2pea/testing';

const { makeNode, own } = lab();

/** Lets `ms` go by in small steps, with turns of the event loop for what follows from them. */
async function pass(clock: ControlledClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 500) {
    clock.advance(Math.min(left, 500));
    await turn(3);
  }
}

describe('the limits of one connection', () => {
  it('are those of its node, until it is given others', async () => {
    const network = inMemory();
    const [here, there] = await join(makeNode({ ...network, idleTimeoutMs: 5_000 }), makeNode(network));
    expect(here.limits).toMatchObject({
      idleTimeoutMs: 5_000,
      writeTimeoutMs: 10_000,
      inboundQueueBytes: 65_536,
      outboundQueueBytes: 1_048_576,
      maxFrameLength: undefined,
    });
    here.limits.set({ idleTimeoutMs: 90_000, maxFrameLength: 10 });
    here.limits.set({ outboundQueueBytes: 100, idleTimeoutMs: undefined });
    expect(here.limits).toMatchObject({
      idleTimeoutMs: 90_000,
      outboundQueueBytes: 100,
      inboundQueueBytes: 65_536,
      maxFrameLength: 10,
    });
    expect(there.limits.idleTimeoutMs).toBe(60_000);
    expect(JSON.stringify({ limits: here.limits })).toBe('{"limits":{}}'); // as a logger may do
  });

  it.each<[keyof LimitChanges, unknown]>([
    ['idleTimeoutMs', -1],
    ['idleTimeoutMs', '90s'],
    ['idleTimeoutMs', Infinity],
    ['writeTimeoutMs', 0],
    ['inboundQueueBytes', 0],
    ['inboundQueueBytes', 1_000_001],
    ['outboundQueueBytes', 1.5],
    ['outboundQueueBytes', 1_000_001],
    ['maxFrameLength', 0],
    ['maxFrameLength', 1_000_001],
    ['maxFrameLength', null],
    ['idleTimeout' as never, 5],
  ])('are checked, and all changes hold or none of them: %s of %p', async (name, value) => {
    const network = inMemory();
    const [here] = await join(makeNode({ ...network, maxBufferedBytes: 1_000_000 }), makeNode(network));
    const before = { ...limitsOf(here) };
    const change = () => here.limits.set({ writeTimeoutMs: 1, [name]: value });
    expect(change).toThrow(expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }));
    expect(change).toThrow(`\`${name}\``);
    expect(limitsOf(here)).toEqual(before);
    expect(() => ((here.limits as { idleTimeoutMs: number }).idleTimeoutMs = 0)).toThrow(TypeError);
  });

  it('may be set in the handshake already, and the connection begins with them', async () => {
    const network = inMemory();
    const onHandshake = (handshake: Handshake): void => {
      expect(handshake.limits.idleTimeoutMs).toBe(60_000);
      handshake.limits.set({ idleTimeoutMs: 1_000, maxFrameLength: 4 });
    };
    const [here] = await join(makeNode(network, { onHandshake }), makeNode(network));
    expect(here.limits).toMatchObject({ idleTimeoutMs: 1_000, maxFrameLength: 4 });
  });
});

function limitsOf({ limits }: Connection): LimitChanges {
  const { idleTimeoutMs, writeTimeoutMs, inboundQueueBytes, outboundQueueBytes, maxFrameLength } = limits;
  return { idleTimeoutMs, writeTimeoutMs, inboundQueueBytes, outboundQueueBytes, maxFrameLength };
}

describe('idleTimeoutMs of one connection', () => {
  it('ends that one sooner or later than the others, or never', async () => {
    const network = inMemory();
    const clock = new ControlledClock();
    const [a, b] = [
      makeNode({ ...network, clock, idleTimeoutMs: 20_000 }),
      makeNode({ ...network, idleTimeoutMs: 0 }),
    ];
    const address = await listen(b);
    const [sooner, later, never, usual] = await Promise.all(
      [1, 2, 3, 4].map(() => a.node.connect(address, { parallel: true })),
    );
    sooner!.limits.set({ idleTimeoutMs: 3_000 });
    later!.limits.set({ idleTimeoutMs: 60_000 });
    never!.limits.set({ idleTimeoutMs: 0 });
    const states = () => [sooner, later, never, usual].map((connection) => connection!.state);
    await pass(clock, 6_000);
    expect(states()).toEqual(['closed', 'open', 'open', 'open']);
    await pass(clock, 17_000);
    expect(states()).toEqual(['closed', 'open', 'open', 'closed']);
    await pass(clock, 50_000);
    expect(states()).toEqual(['closed', 'closed', 'open', 'closed']);
    expect(a.closed.map(({ reason }) => reason)).toEqual(
      Array.from({ length: 3 }, () => ({ origin: 'reading', cause: 'idle-timeout' })),
    );
  });
});

describe('queues of one connection', () => {
  it('inboundQueueBytes holds its peer back, and lets it go on when it is raised', async () => {
    const network = inMemory();
    const a = makeNode(network, { onMessage: () => new Promise(() => {}) });
    const b = makeNode(network);
    const [there, here] = await join(b, a);
    here.limits.set({ inboundQueueBytes: 1_000 });
    await there.send('busy');
    await until('the handler is busy', () => here.stats.messagesReceived === 1);
    for (let count = 0; count < 20; count++) there.trySend('x'.repeat(100));
    await until('it is held back', () => here.isHeldBack);
    here.limits.set({ inboundQueueBytes: 10_000 });
    expect(here.isHeldBack).toBe(false);
    here.limits.set({ inboundQueueBytes: 10 });
    expect(here.isHeldBack).toBe(true);
    await here.disconnect();
  });

  it('outboundQueueBytes makes room for those that wait when it is raised, and errors and log lines name it', async () => {
    const a = makeNode();
    const socket = await rawConnect(await listen(a));
    socket.pause();
    await until('a has the connection', () => a.opened.length === 1);
    const connection = a.opened[0]!;
    connection.limits.set({ outboundQueueBytes: 300_000 });
    while (connection.trySend('x'.repeat(100_000)) || connection.bufferedBytes < 300_000) await turn();
    await expect(connection.send('more')).rejects.toThrow('the limit is 300000 (`outboundQueueBytes`)');
    expect(a.log.filter(({ level }) => level === 'warn').map(({ text }) => text)).toEqual([
      expect.stringContaining('outboundQueueBytes (300000) is reached'),
    ]);
    let hasRoom = false;
    void connection.drained().then(() => (hasRoom = true));
    await turn();
    expect(hasRoom).toBe(false);
    connection.limits.set({ outboundQueueBytes: 2_000_000 });
    await turn();
    expect([hasRoom, connection.trySend('more')]).toEqual([true, true]);
    socket.destroy();
  });

  it('writeTimeoutMs ends the one whose peer does not read', async () => {
    const a = makeNode();
    const address = await listen(a);
    const sockets = [await rawConnect(address), await rawConnect(address)];
    await until('a has both', () => a.opened.length === 2);
    for (const socket of sockets) socket.pause();
    a.opened[0]!.limits.set({ writeTimeoutMs: 100, outboundQueueBytes: 128 * 1024 * 1024 });
    for (const connection of a.opened) connection.trySend('x'.repeat(16 * 1024 * 1024));
    await until('it has ended', () => a.closed.length === 1);
    expect(a.closed[0]!.connection).toBe(a.opened[0]);
    expect(a.closed[0]!.reason).toMatchObject({
      origin: 'writing',
      error: { message: expect.stringContaining('in 100 ms') },
    });
    expect(a.opened[1]!.state).toBe('open');
    for (const socket of sockets) socket.destroy();
  });
});

describe('maxFrameLength of one connection', () => {
  const framings: [string, Codec<Buffer | string, string>][] = [
    ['lengthDelimited', lengthDelimited({ maxFrameLength: 100 })],
    ['varintDelimited', varintDelimited({ maxFrameLength: 100 })],
    ['contentLength', contentLength({ maxFrameLength: 100 })],
    ['delimiter', delimiter('||', { maxLength: 100 })],
    ['lines', lines({ maxLength: 100 })],
    ['jsonValues', jsonValues({ maxLength: 100 })],
  ];
  const large: Record<string, Codec<Buffer | string, string>> = {
    lengthDelimited: lengthDelimited(),
    varintDelimited: varintDelimited(),
    contentLength: contentLength(),
    delimiter: delimiter('||'),
    lines: lines(),
    jsonValues: jsonValues(),
  };
  const text = (length: number): string => `"${'x'.repeat(length - 2)}"`;

  it.each(framings)(
    'is the longest frame that %s takes, above its own limit and below',
    async (name, codec) => {
      const network = inMemory();
      const received: string[] = [];
      const server = own(
        new PeerNode<Buffer | string, string>({ codec, logger: silentLogger, ...network }),
      ).use({
        onMessage: (message) => void received.push(message.toString()),
      });
      const client = own(new PeerNode<Buffer | string, string>({ codec: large[name]!, ...network })).use({
        onMessage: () => {},
      });
      const there = await client.connect(await server.listen(ANYWHERE));
      await until('both have it', () => server.connections.size === 1);
      const [here] = server.connections;
      await there.send(text(100));
      here!.limits.set({ maxFrameLength: 150 });
      await there.send(text(150));
      await until('both came', () => received.length === 2);
      expect(received).toEqual([text(100), text(150)]);
      here!.limits.set({ maxFrameLength: 50 });
      await there.send(text(50));
      await there.send(text(51));
      expect(await here!.closed).toMatchObject({
        origin: 'reading',
        cause: 'invalid-frame',
        error: { code: 'P2P_ERR_FRAME_TOO_LARGE', message: expect.stringContaining('50') },
      });
      expect(received).toHaveLength(3);
    },
  );

  it.each(framings)(
    'holds for a frame of %s that has begun, before the rest of it comes',
    async (name, codec) => {
      const node = own(new PeerNode<Buffer | string, string>({ codec, logger: silentLogger }));
      const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
      const connection = await node.use({ onMessage: () => {} }).accept(stream, { address: 'peer:1' });
      connection.limits.set({ maxFrameLength: 150 });
      stream.push(encodeToBuffer(large[name]!, text(150)).subarray(0, -5));
      await until('it has come', () => connection.waitingBytes > 100);
      connection.limits.set({ maxFrameLength: 50 });
      expect(await connection.closed).toMatchObject({ error: { code: 'P2P_ERR_FRAME_TOO_LARGE' } });
    },
  );

  it('does not change what may be sent', async () => {
    const network = inMemory();
    const [here] = await join(makeNode({ ...network, codec: lines({ maxLength: 20 }) }), makeNode(network));
    here.limits.set({ maxFrameLength: 5 });
    await here.send('x'.repeat(20));
    here.limits.set({ maxFrameLength: 1_000 });
    await expect(here.send('x'.repeat(21))).rejects.toMatchObject({ code: 'P2P_ERR_FRAME_TOO_LARGE' });
  });

  it('holds in the handshake for a decoder that is made with it', async () => {
    const network = inMemory();
    const errors: unknown[] = [];
    const codec = lines();
    const server = makeNode(network, {
      onHandshake: async (handshake) => {
        handshake.limits.set({ maxFrameLength: 8 });
        await handshake.receive(codec.decoder(handshake)).catch((error: unknown) => errors.push(error));
        handshake.reject('too long');
      },
    });
    const client = makeNode(network, { onHandshake: (handshake) => handshake.write('longer than that\n') });
    await client.node.connect(await listen(server)).catch(() => {});
    await until('it was refused', () => errors.length === 1);
    expect(errors).toEqual([expect.objectContaining({ code: 'P2P_ERR_FRAME_TOO_LARGE' })]);
  });

  it('leaves a decoder as it is that was made without a connection', () => {
    expect(() => (lines().decoder as () => unknown)()).not.toThrow();
  });
});
