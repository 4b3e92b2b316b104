import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import {
  memoryTransport,
  type PeerError,
  peerIdentity,
  PeerNode,
  type Codec,
  type Connection,
  type Handshake,
  type RenegotiateHook,
  type RenegotiateOptions,
} from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { json, lengthDelimited, lines as linesOf } from '@pea2pea/codecs';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';
import { method, requests } from '@pea2pea/rpc';
import { generateKeyPair, noiseHandshake } from '@pea2pea/noise';
import { TlsContext, tlsHandshake, tlsSession } from '@pea2pea/tls';
import { selfSigned } from '@pea2pea/testing/certificates';
import {
  ANYWHERE,
  inMemory,
  join,
  lab,
  listen,
  never,
  rawConnect,
  silentLogger,
  soon,
  socketClosed,
  textCodec,
  turn,
  until,
  warningsIn,
} from '@pea2pea/testing';
import { MaskedStream } from './chaos/greeting.js';

const { makeNode, own } = lab();

/** What `promise` rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<PeerError> {
  return promise.then(
    () => {
      throw new Error('it was not rejected');
    },
    (error: unknown) => error as PeerError,
  );
}

/** A line that has the handler renegotiate. */
const SWITCH = 'SWITCH';

/** A server that renegotiates by `hook` when it is told to, and a bare socket to it. */
async function served(
  hook: RenegotiateHook<void>,
  options?: RenegotiateOptions,
  { isAwaited = true }: { isAwaited?: boolean } = {},
) {
  const messages: string[] = [];
  const errors: PeerError[] = [];
  let done = 0;
  const test = makeNode(
    { onDisconnectTimeoutMs: 2_000 },
    {
      onMessage(message, connection) {
        messages.push(message);
        if (message !== SWITCH) return undefined;
        const renegotiated = connection.renegotiate(hook, options);
        renegotiated.then(
          () => done++,
          (error: PeerError) => errors.push(error),
        );
        return isAwaited ? renegotiated : undefined;
      },
    },
  );
  const socket = await rawConnect(await listen(test));
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
  await until('it is open', () => test.opened.length === 1);
  const connection = test.opened[0]!;
  const isDone = (): boolean => done + errors.length > 0;
  return {
    ...test,
    messages,
    errors,
    connection,
    socket,
    isDone,
    over: () => until('it is over', isDone),
    heard: () => heard,
  };
}

/** Two nodes over TCP, connected; the one that was dialled renegotiates when it is told to. */
async function pair(accept: RenegotiateHook, options?: RenegotiateOptions) {
  const server = makeNode(
    {},
    {
      onMessage: async (message, connection) => {
        server.messages.push(message);
        if (message !== SWITCH) return;
        connection.trySend('go ahead');
        await connection.renegotiate(accept, options);
      },
    },
  );
  const client = makeNode();
  const [near, far] = await join(client, server);
  return { server, client, near, far };
}

describe('a connection that is renegotiated', () => {
  it('is the same connection over TLS afterwards: STARTTLS', async () => {
    const { key, cert } = await selfSigned();
    const secured = new TlsContext({ key, cert });
    const trusting = new TlsContext({ ca: cert, servername: 'localhost' });
    const { server, client, near, far } = await pair(async (handshake) => {
      await tlsHandshake(handshake, secured);
    });
    near.trySend(SWITCH);
    await until('the server agrees', () => client.messages.length === 1);
    await near.renegotiate(async (handshake) => {
      await tlsHandshake(handshake, trusting);
    });
    near.trySend('hello');
    await until('it arrived', () => server.messages.length === 2);
    far.trySend('welcome');
    await until('it came back', () => client.messages.length === 2);
    expect(server.messages).toEqual([SWITCH, 'hello']);
    expect(client.messages).toEqual(['go ahead', 'welcome']);
    expect(near.context.get(tlsSession)?.protocol).toBe('TLSv1.3');
    expect([server.opened.length, server.closed.length, client.opened.length]).toEqual([1, 0, 1]);
    expect(server.node.connections.get(far.address)).toBe(far);
    await near.disconnect();
    await until('both are told once', () => server.closed.length === 1);
    expect([server.opened.length, client.closed.length]).toEqual([1, 1]);
    expect(server.closed[0]!.reason).toEqual({ origin: 'reading', cause: 'ended' });
  });

  it('is the same connection over Noise afterwards', async () => {
    const upgrade = (initiator: boolean) => async (handshake: Handshake) => {
      const channel = await noiseHandshake(handshake, {
        pattern: 'Noise_XX_25519_ChaChaPoly_BLAKE2s',
        initiator,
        staticKey: generateKeyPair(),
      });
      handshake.upgrade(channel.secure(handshake.takeStream()), { reusesBuffers: true, neverReenters: true });
    };
    const { server, client, near, far } = await pair(upgrade(false));
    near.trySend(SWITCH);
    await until('the server agrees', () => client.messages.length === 1);
    await near.renegotiate(upgrade(true));
    for (let index = 0; index < 100; index++) near.trySend(`line ${index}`);
    await until('all arrived', () => server.messages.length === 101);
    far.trySend('x'.repeat(100_000));
    await until('it came back', () => client.messages.length === 2);
    expect(client.messages[1]).toHaveLength(100_000);
  });

  it('has what its hook returned for whoever renegotiates', async () => {
    const a = makeNode();
    const b = makeNode();
    const [near, far] = await join(a, b);
    const read = far.renegotiate((handshake) => handshake.read(3));
    await expect(near.renegotiate((handshake) => handshake.write('abc').then(() => 'sent'))).resolves.toBe(
      'sent',
    );
    await expect(read).resolves.toEqual(Buffer.from('abc'));
    await expect(near.renegotiate(() => 7)).resolves.toBe(7);
  });

  it('may be renegotiated again, and again', async () => {
    const hook: RenegotiateHook = (handshake) =>
      handshake.upgrade(new MaskedStream(handshake.takeStream()), { reusesBuffers: true });
    const { server, client, near } = await pair(hook);
    for (let round = 1; round <= 3; round++) {
      near.trySend(SWITCH);
      await until('the server agrees', () => client.messages.length === round);
      await near.renegotiate(hook);
    }
    near.trySend('through three masks');
    await until('it arrived', () => server.messages.length === 4);
    expect(server.messages[3]).toBe('through three masks');
  });

  it.each([true, false])(
    'goes on at the exact byte, whatever came in the same chunk; awaited by its handler: %s',
    async (isAwaited) => {
      let block = '';
      const { socket, messages, connection, over } = await served(
        async (handshake) => void (block = String(await handshake.read(11))),
        undefined,
        { isAwaited },
      );
      socket.write(`before\n${SWITCH}\nraw\n\nbytes!after\nlast\n`);
      await over();
      await until('the rest was handled', () => messages.length === 4);
      expect(block).toBe('raw\n\nbytes!');
      expect(messages).toEqual(['before', SWITCH, 'after', 'last']);
      expect(connection.stats.messagesReceived).toBe(4);
      socket.destroy();
    },
  );

  it('reads a block that comes bit by bit, as SMTP has it, and counts its bytes', async () => {
    const text = `${'a line of the mail\r\n'.repeat(5_000)}.\r\n`;
    let mail = '';
    const { socket, connection, messages, over, heard } = await served(async (handshake) => {
      await handshake.write('354 go ahead\r\n');
      mail = String(await handshake.readUntil('\r\n.\r\n', 1_000_000));
      await handshake.write('250 ok\r\n');
    });
    socket.write(`${SWITCH}\n`);
    for (let at = 0; at < text.length; at += 1_000) {
      socket.write(text.slice(at, at + 1_000));
      await turn();
    }
    socket.write('QUIT\n');
    await over();
    await until('the next command was handled', () => messages.length === 2);
    expect(`${mail}\r\n.\r\n`).toBe(text);
    await until('both replies arrived', () => heard().length >= 22);
    expect(heard()).toBe('354 go ahead\r\n250 ok\r\n');
    const { bytesReceived, bytesSent } = connection.stats;
    expect(bytesReceived).toBe(SWITCH.length + 1 + text.length + 5);
    expect(bytesSent).toBe(heard().length);
    socket.destroy();
  });

  it('counts once what it looked at and put back, also where a second one takes the stream again', async () => {
    const { socket, connection, messages, over } = await served(async (handshake) => {
      await handshake.peek(6);
      handshake.takeStream();
    });
    const said = `${SWITCH}\nfirst\n${SWITCH}\nsecond\nthird\n`;
    socket.write(said);
    await over();
    await until('the rest was handled', () => messages.length === 5);
    expect(connection.stats.bytesReceived).toBe(said.length);
    socket.destroy();
  });

  it('is sent what was queued before the first byte of the handshake, however much that is', async () => {
    const size = 12_000_000;
    const a = makeNode(
      { outboundQueueBytes: 16_000_000 },
      {
        onMessage: async (_message, connection) => {
          connection.trySend('x'.repeat(size));
          await connection.renegotiate((handshake) => handshake.write('<handshake>'));
          connection.trySend('after');
        },
      },
    );
    const socket = await rawConnect(await listen(a));
    socket.pause();
    socket.write('go\n');
    const chunks: Buffer[] = [];
    await until('much is queued', () => (a.opened[0]?.bufferedBytes ?? 0) > 0);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
    await until('all came', () => chunks.at(-1)?.toString().endsWith('after\n') === true);
    const text = Buffer.concat(chunks).toString();
    expect(text.length).toBe(size + 1 + '<handshake>'.length + 'after\n'.length);
    expect(text.slice(size)).toBe('\n<handshake>after\n');
    socket.destroy();
  });

  it('goes on with another codec', async () => {
    const { socket, messages, connection, over, heard } = await served(async () => {}, {
      codec: lengthDelimited({ lengthFieldLength: 1 }),
    });
    const frame = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
    socket.write(Buffer.concat([Buffer.from(`${SWITCH}\n`), frame('one\n'), frame('two')]));
    await over();
    await until('both came', () => messages.length === 3);
    expect(messages.slice(1).map(String)).toEqual(['one\n', 'two']);
    await connection.send(Buffer.from('three') as never);
    await until('it arrived', () => heard().length > 0);
    expect(heard()).toBe('\x05three');
    socket.destroy();
  });

  it('has a new decoder, and keeps the codec that the last one brought', async () => {
    const made: string[] = [];
    const named = (name: string): Codec<string> => ({
      ...textCodec(),
      decoder: (context) => {
        made.push(`${name}, ${context.direction}, ${String(context.context.get(peerIdentity))}`);
        return textCodec().decoder(context);
      },
    });
    const a = makeNode({ ...inMemory(), codec: named('first') });
    const b = makeNode({ transport: a.node.config.transport });
    const [, far] = await join(b, a);
    await far.renegotiate((handshake) => void handshake.context.set(peerIdentity, 'bob'), {
      codec: named('second'),
    });
    await far.renegotiate(() => {});
    expect(made).toEqual(['first, inbound, undefined', 'second, inbound, bob', 'second, inbound, bob']);
  });

  it('may be so before its first message, from onConnect', async () => {
    let greeting = '';
    const a = makeNode(
      {},
      {
        onHandshake: async (handshake) => void (await handshake.read(1)),
        onConnect: (connection) =>
          connection.renegotiate(async (handshake) => void (greeting = String(await handshake.read(5)))),
      },
    );
    const socket = await rawConnect(await listen(a));
    socket.write('!hellofirst\nsecond\n');
    await until('both were handled', () => a.messages.length === 2);
    expect([greeting, ...a.messages]).toEqual(['hello', 'first', 'second']);
    expect(a.opened[0]!.stats.bytesReceived).toBe('hellofirst\nsecond\n'.length);
    socket.destroy();
  });

  it('may be so between two messages that somebody asks for', async () => {
    const transport = memoryTransport();
    const a = makeNode({ transport }, { onMessage: undefined as never });
    const socket = makeNode({ transport });
    const [there, here] = await join(socket, a);
    there.trySend('one');
    there.trySend('raw');
    there.trySend('two');
    expect(await here.next()).toBe('one');
    let raw = '';
    const renegotiated = here.renegotiate(async (handshake) => void (raw = String(await handshake.read(4))));
    const next = here.next();
    await renegotiated;
    expect([raw, await next]).toEqual(['raw\n', 'two']);
  });

  it('takes no messages meanwhile: they are refused and counted, and drained() waits for its end', async () => {
    const transport = memoryTransport();
    const a = makeNode({ transport });
    const b = makeNode({ transport });
    const [here] = await join(b, a);
    let end!: () => void;
    const renegotiated = here.renegotiate(() => new Promise<void>((resolve) => (end = resolve)));
    expect(here.trySend('one')).toBe(false);
    expect(here.isHeldBack).toBe(true);
    expect(here.state).toBe('open');
    const error = await errorOf(here.send('two'));
    expect(error.code).toBe('P2P_ERR_RENEGOTIATING');
    expect(b.node.broadcast('three')).toBe(0);
    expect(here.stats.messagesRefused).toBe(3);
    expect(warningsIn(b.log).map(({ text }) => text)).toEqual([
      'a renegotiation is under way: messages are refused; await drained() before sending more',
    ]);
    let isDrained = false;
    const drained = here.drained().then(() => (isDrained = true));
    await turn(5);
    expect(isDrained).toBe(false);
    end();
    await renegotiated;
    await soon('drained()', drained);
    expect(here.trySend('four')).toBe(true);
    await until('it arrived', () => a.messages.length === 1);
    expect(a.messages).toEqual(['four']);
  });

  it('may be so from a method of an annotated peer', async () => {
    const codec = textCodec();
    const lines: string[] = [];
    @Peer({ codec })
    class Mailbox {
      @OnMessage()
      async said(line: string, connection: Connection<string>) {
        lines.push(line);
        if (line !== SWITCH) return;
        await connection.renegotiate(async (handshake) => void lines.push(String(await handshake.read(3))));
        connection.trySend('got it');
      }
    }
    const { transport } = inMemory();
    const handle = own(
      await createPeer(Mailbox, { config: { transport, logger: silentLogger, listen: ANYWHERE } }),
    );
    const client = makeNode({ transport });
    const connection = await client.node.connect(handle.address!);
    connection.trySend(SWITCH);
    connection.trySend('ab');
    connection.trySend('next');
    await until('all was handled', () => lines.length === 3 && client.messages.length === 1);
    expect(lines).toEqual([SWITCH, 'ab\n', 'next']);
  });

  it('has requests wait for its end, and loses none of them', async () => {
    const { transport } = inMemory();
    const codec = json(linesOf());
    const add = method<{ a: number; b: number }, number>('add');
    const config = { codec, transport, logger: silentLogger };
    const server = own(new PeerNode(config).use(requests()));
    server.plugin(requests).serve(add, ({ a, b }) => a + b);
    const client = own(new PeerNode(config).use(requests()));
    const connection = await client.connect(await server.listen(ANYWHERE));
    let end!: () => void;
    const renegotiated = connection.renegotiate(() => new Promise<void>((resolve) => (end = resolve)));
    const result = client.plugin(requests).call(connection, add, { a: 1, b: 2 });
    await turn(5);
    end();
    await renegotiated;
    expect(await soon('its result', result)).toBe(3);
  });

  it('gets a broadcast in its own codec', async () => {
    const transport = memoryTransport();
    const a = makeNode({ transport });
    const b = makeNode({ transport });
    const [here] = await join(b, a);
    const far = a.opened[0]!;
    const loud: Codec<string> = {
      ...textCodec(),
      encoder: () => ({ encode: (text, output) => void output.writeText(`${text.toUpperCase()}\n`) }),
    };
    await here.renegotiate(() => {}, { codec: loud });
    expect(b.node.broadcast('hear')).toBe(1);
    await until('it arrived', () => a.messages.length === 1);
    expect(a.messages).toEqual(['HEAR']);
    expect(far.state).toBe('open');
  });

  it('is not idle, is not said to be handled for long, and is read only as far as its hook asks', async () => {
    const clock = new ControlledClock();
    const transport = memoryTransport();
    let end!: () => void;
    const config = { transport, clock, idleTimeoutMs: 1_000, handshakeTimeoutMs: 60_000 };
    const a = makeNode(config, {
      onMessage: (_message, connection) =>
        connection.renegotiate(async (handshake) => {
          await handshake.read(1);
          await new Promise<void>((resolve) => (end = resolve));
        }),
    });
    const b = makeNode({ transport });
    const [there, here] = await join(b, a);
    there.trySend('go');
    there.trySend('x'.repeat(900_000));
    await until('its hook waits', () => end !== undefined);
    for (let step = 0; step < 30; step++) {
      clock.advance(1_000);
      await turn(4);
    }
    expect(here.state).toBe('open');
    expect(here.waitingBytes).toBeLessThan(300_000);
    expect(warningsIn(a.log)).toEqual([]);
    end();
    await turn(5);
    expect(here.state).toBe('open');
  });
});

it('renegotiations take no more memory than the budget of the node, whatever they wait for', async () => {
  const maxBufferedBytes = 300_000;
  const a = makeNode(
    { maxBufferedBytes, maxConnecting: 1, maxConnectionsPerIp: 20 },
    {
      onMessage: (_message, connection) =>
        connection.renegotiate(async (handshake) => void (await handshake.read(10_000_000)), {
          timeoutMs: 60_000,
        }),
    },
  );
  const address = await listen(a);
  const sockets = await Promise.all(Array.from({ length: 8 }, () => rawConnect(address)));
  for (const socket of sockets) socket.write(Buffer.concat([Buffer.from('go\n'), Buffer.alloc(2_000_000)]));
  const waiting = (): number => a.opened.reduce((sum, connection) => sum + connection.waitingBytes, 0);
  await until(
    'all renegotiate, in no slot of a setup',
    () => a.opened.length === 8 && a.node.connecting === 0,
  );
  await until('the budget is used', () => waiting() > maxBufferedBytes / 2);
  let most = 0;
  for (let round = 0; round < 200; round++) {
    await turn();
    most = Math.max(most, waiting());
  }
  // One goes on up to the limit, and each may have a chunk more.
  expect(most).toBeLessThan(maxBufferedBytes + 8 * 65_536 + 65_536);
  for (const socket of sockets) socket.destroy();
});

describe('a renegotiation that comes to nothing', () => {
  it('ends the connection with its error as the reason, and has nothing more sent', async () => {
    let last: Promise<void> | undefined;
    const a = makeNode(
      {},
      {
        onMessage: async (_message, connection) => {
          await connection.renegotiate(async (handshake) => {
            await handshake.write('552 too much\n');
            throw new Error('too much');
          });
        },
        onDisconnect(connection) {
          last = connection.send('a secret');
          void last.catch(() => {});
        },
      },
    );
    const socket = await rawConnect(await listen(a));
    let heard = '';
    socket.on('data', (chunk: Buffer) => (heard += String(chunk)));
    socket.write(`${SWITCH}\nwaiting\n`);
    await socketClosed(socket);
    socket.end();
    await until('it is closed', () => a.closed.length === 1 && a.node.connections.size === 0);
    const { reason } = a.closed[0]!;
    expect(reason).toMatchObject({ origin: 'renegotiation', error: { code: 'P2P_ERR_HANDSHAKE_FAILED' } });
    expect((await errorOf(last!)).code).toBe('P2P_ERR_DISCONNECTED');
    expect(heard).toBe('552 too much\n');
    expect(a.node.heuristics.renegotiationFailures).toBe(1);
    expect(a.node.heuristics.droppedBytes).toBe('waiting\n'.length);
  });

  it.each([
    ['a rejection', (handshake: Handshake) => handshake.reject('not you'), 'P2P_ERR_HANDSHAKE_REJECTED'],
    ['the end of the peer', (handshake: Handshake) => handshake.read(5), 'P2P_ERR_HANDSHAKE_ENDED'],
    ['too much', (handshake: Handshake) => handshake.readUntil('#', 3), 'P2P_ERR_FRAME_TOO_LARGE'],
  ] as const)('says why: %s', async (_what, hook, code) => {
    const { socket, errors, closed, node } = await served(async (handshake) => void (await hook(handshake)));
    socket.end(`${SWITCH}\nabcd`);
    await until('it is closed', () => closed.length === 1 && node.connections.size === 0);
    expect(errors[0]).toMatchObject({ code });
    expect(closed[0]!.reason).toEqual({ origin: 'renegotiation', error: errors[0] });
  });

  it('is ended by its deadline, which leaves nothing', async () => {
    const clock = new ControlledClock();
    const transport = memoryTransport();
    const a = makeNode({ transport, clock, handshakeTimeoutMs: 5_000 });
    const b = makeNode({ transport });
    const [, here] = await join(b, a);
    let handshake!: Handshake;
    const failed = errorOf(
      here.renegotiate(
        (given) => {
          handshake = given;
          return never();
        },
        { timeoutMs: 1_000 },
      ),
    );
    await until('its hook runs', () => handshake !== undefined);
    const reading = errorOf(handshake.read(1));
    const { signal } = handshake;
    for (let passed = 0; passed < 1_500; passed += 250) {
      clock.advance(250);
      await turn(5);
    }
    const error = await soon('its end', failed);
    expect(error.code).toBe('P2P_ERR_HANDSHAKE_TIMEOUT');
    expect(await reading).toBe(error);
    expect(signal.aborted).toBe(true);
    await until('it is closed', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toEqual({ origin: 'renegotiation', error });
    await b.node.close();
  });

  it('takes what was put on top with it', async () => {
    const top = new PassThrough();
    const { socket, closed, node } = await served((handshake) => {
      handshake.upgrade(top);
      throw new Error('after all');
    });
    socket.write(`${SWITCH}\n`);
    await socketClosed(socket);
    socket.end();
    await until('it is closed', () => closed.length === 1 && node.connections.size === 0);
    expect(top.destroyed).toBe(true);
  });

  it('is cancelled by the end of its connection: it rejects, and what comes too late is destroyed', async () => {
    let handshake!: Handshake;
    let go!: () => void;
    let refused: unknown;
    const top = new PassThrough();
    const { socket, connection, errors, closed, node } = await served(async (given) => {
      handshake = given;
      await new Promise<void>((resolve) => (go = resolve));
      try {
        given.upgrade(top);
      } catch (error) {
        refused = error;
      }
    });
    socket.write(`${SWITCH}\n`);
    await until('its hook runs', () => handshake !== undefined);
    const reading = errorOf(handshake.read(1));
    const ended = connection.disconnect('enough');
    expect(handshake.signal.aborted).toBe(true);
    expect(await reading).toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    await socketClosed(socket);
    socket.end();
    await soon('the teardown', ended);
    expect(errors[0]).toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    expect(closed[0]!.reason).toEqual({ origin: 'user', why: 'enough' });
    expect(node.heuristics.renegotiationFailures).toBe(0);
    go();
    await until('it was refused', () => refused !== undefined);
    expect(top.destroyed).toBe(true);
  });

  it('holds up no close() of its node', async () => {
    const { socket, node, isDone } = await served(() => never());
    socket.write(`${SWITCH}\n`);
    await turn(5);
    socket.end();
    const report = await node.close();
    expect(report.cut).toEqual([]);
    await until('it rejected', isDone);
  });

  it('does not wait for a peer whose stream the hook has kept', async () => {
    const { socket, node, connection, closed } = await served(async (handshake) => {
      const stream = handshake.takeStream();
      stream.on('data', () => {}).resume();
      await once(stream, 'data');
      throw new Error('not what it should be');
    });
    socket.write(`${SWITCH}\n`);
    socket.write('odd');
    await until('it is closed', () => closed.length === 1 && node.connections.size === 0);
    expect(connection.state).toBe('closed');
    socket.destroy();
  });
});

describe('nothing crosses an upgrade of an open connection', () => {
  it('a line behind STARTTLS is no message, in the same chunk or later', async () => {
    const { key, cert } = await selfSigned();
    const secured = new TlsContext({ key, cert });
    const { socket, messages, errors, closed } = await served(async (handshake) => {
      await tlsHandshake(handshake, secured);
    });
    socket.write(`${SWITCH}\nEVIL\n`);
    await until('it is over', () => closed.length === 1);
    expect(errors).toHaveLength(1);
    expect(messages).toEqual([SWITCH]);
    socket.destroy();
  });

  it('a peer that has ended leaves bytes that cannot go back: the upgrade is refused', async () => {
    const { socket, messages, errors, connection } = await served(async (handshake) => {
      await until('its end has come', () => connection.stats.bytesReceived > 0);
      await turn(20);
      handshake.upgrade(new MaskedStream(handshake.takeStream()));
    });
    socket.end(`${SWITCH}\nEVIL\n`);
    await until('it is over', () => errors.length > 0);
    expect(messages).toEqual([SWITCH]);
  });

  it('the codec may not go on with the decoder that read below', async () => {
    const transport = memoryTransport();
    const decoder = textCodec().decoder({} as never);
    const a = makeNode({ transport, codec: { ...textCodec(), decoder: () => decoder } });
    const [, here] = await join(makeNode({ transport }), a);
    await here.renegotiate(() => {}); // the same stream: it may
    const error = await errorOf(
      here.renegotiate((handshake) => handshake.upgrade(new MaskedStream(handshake.takeStream()))),
    );
    expect(error.code).toBe('P2P_ERR_HANDSHAKE_FAILED');
  });
});

describe('a renegotiation that is refused leaves the connection as it was', () => {
  async function connected(): Promise<{ here: Connection<string>; arrived: string[] }> {
    const transport = memoryTransport();
    const a = makeNode({ transport });
    const [here] = await join(makeNode({ transport }), a);
    return { here, arrived: a.messages };
  }

  it('while one is under way', async () => {
    const { here, arrived } = await connected();
    let inner: Promise<PeerError> | undefined;
    const outer = here.renegotiate(() => {
      inner = errorOf(here.renegotiate(() => {}));
    });
    const error = await errorOf(here.renegotiate(() => {}));
    expect(error.code).toBe('P2P_ERR_RENEGOTIATING');
    await outer;
    expect((await inner!).code).toBe('P2P_ERR_RENEGOTIATING');
    here.trySend('still here');
    await until('it arrived', () => arrived.length === 1);
  });

  it('for what is not a hook, a codec, a time or an option', async () => {
    const { here, arrived } = await connected();
    for (const [hook, options] of [
      [undefined, {}],
      [() => {}, { codec: {} }],
      [() => {}, { codec: textCodec }],
      [() => {}, { timeoutMs: 0 }],
      [() => {}, { timeout: 5 }],
      [() => {}, 5],
    ] as const) {
      const error = await errorOf(here.renegotiate(hook as never, options as never));
      expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
    }
    here.trySend('still here');
    await until('it arrived', () => arrived.length === 1);
  });

  it('after end() of this side, which in turn waits for one that is under way', async () => {
    const transport = memoryTransport();
    const a = makeNode({ transport });
    const [here] = await join(makeNode({ transport }), a);
    const far = a.opened[0]!;
    let go!: () => void;
    const waiting = new Promise<void>((resolve) => (go = resolve));
    const renegotiated = here.renegotiate(async (handshake) => {
      await waiting;
      await handshake.write('from the handshake\n');
    });
    const ended = here.end();
    await turn(10);
    expect(far.peerHasEnded).toBe(false);
    go();
    await renegotiated;
    await ended;
    await until('all has arrived', () => a.messages.length === 1);
    expect((await errorOf(here.renegotiate(() => {}))).code).not.toBe('P2P_ERR_RENEGOTIATING');
    await until('both have ended', () => here.state === 'closed' && far.state === 'closed');
  });

  it('once it has ended', async () => {
    const { here } = await connected();
    const ended = here.disconnect();
    expect((await errorOf(here.renegotiate(() => {}))).code).toBe('P2P_ERR_DISCONNECTED');
    await ended;
    expect((await errorOf(here.renegotiate(() => {}))).code).toBe('P2P_ERR_DISCONNECTED');
  });

  it('while its decoder holds messages that nobody handled', async () => {
    const transport = memoryTransport();
    const inner = textCodec();
    const batches: Codec<string> = {
      ...inner,
      decoder: (context) => {
        const lines = inner.decoder(context);
        let held: string[] = [];
        return {
          decode(input) {
            if (held.length === 0) {
              const line = lines.decode(input);
              if (typeof line !== 'string') return line;
              held = line.split(',');
            }
            return held.shift()!;
          },
          holds: () => held.length > 0,
        };
      },
    };
    const errors: PeerError[] = [];
    const a = makeNode(
      { transport, codec: batches },
      {
        onMessage: async (message, connection) => {
          a.messages.push(message);
          if (message !== SWITCH) return;
          await connection.renegotiate(() => {}).catch((error: PeerError) => errors.push(error));
        },
      },
    );
    const [there] = await join(makeNode({ transport }), a);
    there.trySend(`${SWITCH},next`);
    there.trySend(SWITCH);
    await until('all were handled', () => a.messages.length === 3);
    await turn(5);
    expect(errors.map(({ code }) => code)).toEqual(['P2P_ERR_MESSAGES_HELD']);
  });
});

it('a peer keeps its identity in a renegotiation, or has none before', async () => {
  const transport = memoryTransport();
  const a = makeNode({ transport });
  const [here] = await join(makeNode({ transport }), a);
  const as =
    (name: string): RenegotiateHook =>
    ({ context }) =>
      void context.set(peerIdentity, name);
  await here.renegotiate(as('alice'));
  expect(here.identity).toBe('alice');
  await here.renegotiate(as('alice'));
  const error = await errorOf(here.renegotiate(as('mallory')));
  expect(error.code).toBe('P2P_ERR_WRONG_IDENTITY');
  expect(here.state).not.toBe('open');
});

it('a renegotiation that nobody awaits ends no process when it fails', async () => {
  const transport = memoryTransport();
  const a = makeNode({ transport });
  const [here] = await join(makeNode({ transport }), a);
  void here.renegotiate(() => {
    throw new Error('a bug');
  });
  await until('it is closed', () => here.state === 'closed');
});
