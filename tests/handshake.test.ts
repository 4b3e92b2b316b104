import { describe, expect, it } from '@jest/globals';
import { PassThrough, Transform, Duplex } from 'node:stream';
import { contextKey, PeerError, type Codec, type Handshake, type Hooks } from '@pea2pea/core';
import { lines } from '@pea2pea/codecs';
import {
  inMemory,
  join,
  lab,
  listen,
  never,
  peerErrorOf,
  rawConnect,
  socketClosed,
  soon,
  textCodec,
  until,
} from '@pea2pea/testing';

const { makeNode } = lab();

/** Both sides say `word` and expect to hear it. */
function password(word: string): Hooks<string> {
  return {
    async onHandshake(handshake) {
      await handshake.write(word);
      const heard = await handshake.read(word.length);
      if (heard.toString() !== word) handshake.reject(`the password is not ${String(heard)}`);
    },
  };
}

describe('the handshake', () => {
  it('runs on both sides before any message, and is told which side opened the connection', async () => {
    const seen: string[] = [];
    const hooks = (name: string): Hooks<string> => ({
      async onHandshake(handshake) {
        seen.push(`${name} ${handshake.direction}`);
        await handshake.write('x');
        await handshake.read(1);
      },
      onMessage: (message) => void seen.push(`${name} ${message}`),
    });
    const [a, b] = [makeNode({}, hooks('a')), makeNode({}, hooks('b'))];
    const [connection] = await join(a, b);
    await connection.send('hello');
    await until('the message arrived', () => seen.length === 3);
    expect(seen.slice(0, 2).sort()).toEqual(['a outbound', 'b inbound']);
    expect(seen[2]).toBe('b hello');
  });

  it('tells what was dialled, the name and not what it stands for, and nothing where the peer dialled', async () => {
    const dialled: Record<string, string | undefined> = {};
    const hooks: Hooks<string> = {
      onHandshake: (handshake) => void (dialled[handshake.direction] = handshake.dialled?.toString()),
    };
    const [a, b] = [makeNode({}, hooks), makeNode({}, hooks)];
    const { port } = await listen(b);
    const connection = await a.node.connect(`localhost:${port}`);
    await until('the other side has the connection', () => b.opened.length === 1);
    expect(dialled).toEqual({ outbound: `localhost:${port}`, inbound: undefined });
    expect(connection.address.isIp).toBe(true);
  });

  it('one side refusing prevents the connection on both, and nothing else runs for it', async () => {
    const [a, b] = [makeNode({}, password('mellon')), makeNode({}, password('sesame'))];
    await listen(b);
    await expect(a.node.connect(b.node.address!)).rejects.toMatchObject({
      code: expect.stringMatching(/HANDSHAKE_(REJECTED|ENDED)/),
    });
    await until('b gave up, too', () => b.node.heuristics.handshakeFailures === 1);
    for (const { node, opened, closed } of [a, b]) {
      expect([node.connecting, node.connections.size, opened.length, closed.length]).toEqual([0, 0, 0, 0]);
    }
  });

  it('a refusal is one log line with its code', async () => {
    const [a, b] = [makeNode(), makeNode({}, { onHandshake: (handshake) => handshake.reject('not today') })];
    await listen(b);
    const connection = await a.node.connect(b.node.address!);
    await until('the dialler saw the end', () => connection.state === 'closed');
    expect(b.log.filter(({ level }) => level === 'warn')).toEqual([
      expect.objectContaining({
        fields: expect.objectContaining({ code: 'P2P_ERR_HANDSHAKE_REJECTED' }),
      }),
    ]);
  });

  it('has a deadline of its own, counted apart from refusals', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, handshakeTimeoutMs: 40 }, { onHandshake: never });
    const b = makeNode(network);
    await listen(b);
    await expect(a.node.connect(b.node.address!)).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_TIMEOUT',
    });
    expect(a.node.heuristics).toMatchObject({ handshakeTimeouts: 1, handshakeFailures: 0 });
    expect(a.node.connecting).toBe(0);
  });

  it('a read that waits when the time is over rejects, and so do later ones', async () => {
    const network = inMemory();
    const errors: unknown[] = [];
    const a = makeNode(
      { ...network, handshakeTimeoutMs: 30 },
      {
        async onHandshake(handshake) {
          await handshake.read(1).catch((error: unknown) => errors.push(error));
          await handshake.readUntil('\n', 10).catch((error: unknown) => errors.push(error));
          await handshake.write('x').catch((error: unknown) => errors.push(error));
        },
      },
    );
    const b = makeNode(network);
    await listen(b);
    await expect(a.node.connect(b.node.address!)).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_TIMEOUT',
    });
    await until('the abandoned hook went on', () => errors.length === 3);
    for (const error of errors) expect(error).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_TIMEOUT' });
  });

  it('bytes after the handshake in the same packet reach the decoder', async () => {
    const a = makeNode({}, { onHandshake: async (handshake) => void (await handshake.read(5)) });
    const socket = await rawConnect(await listen(a));
    socket.write('HELLOfirst\nsecond\n');
    await until('both lines arrived', () => a.messages.length === 2);
    expect(a.messages).toEqual(['first', 'second']);
    expect(a.opened[0]!.stats.bytesReceived).toBe(13);
    socket.destroy();
  });

  it('a handshake may read nothing at all: everything reaches the decoder', async () => {
    const a = makeNode({}, { onHandshake: async () => {} });
    const socket = await rawConnect(await listen(a));
    socket.write('first\n');
    await until('the line arrived', () => a.messages.length === 1);
    socket.destroy();
  });

  it.each(['readUntil', 'receive', 'read'] as const)(
    'serves 64 reads in one turn, whatever %s finds at once, and all of it before the end',
    async (how) => {
      let reads = 0;
      let most = 0;
      const ended = new Promise<unknown>((resolve) => {
        const node = makeNode(
          {},
          {
            async onHandshake(handshake: Handshake) {
              const decoder = lines().decoder(handshake);
              const watch = (before: number): void => {
                most = Math.max(most, reads - before);
                if (!handshake.signal.aborted) setImmediate(watch, reads);
              };
              setImmediate(watch, 0);
              const readOne = {
                readUntil: () => handshake.readUntil('\n', 10),
                receive: () => handshake.receive(decoder),
                read: () => handshake.read(1),
              }[how];
              try {
                for (;;) {
                  await readOne();
                  reads++;
                }
              } catch (error) {
                resolve(error);
                throw error;
              }
            },
          },
        );
        void listen(node)
          .then((address) => rawConnect(address))
          .then((socket) => socket.end('\n'.repeat(5_000)));
      });
      expect(await soon('the end', ended)).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
      expect(reads).toBe(5_000);
      expect(most).toBeLessThanOrEqual(128);
    },
  );

  it('readUntil returns what comes before the delimiter, however it is split, and is bounded', async () => {
    const lines: string[] = [];
    const a = makeNode(
      {},
      {
        async onHandshake(handshake) {
          lines.push(String(await handshake.readUntil('\r\n', 20)));
          lines.push(String(await handshake.readUntil('\r\n', 20)));
          await handshake.readUntil('\r\n', 20);
        },
      },
    );
    const socket = await rawConnect(await listen(a));
    for (const byte of 'one\r two\r\n\r\n') {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write('x'.repeat(21));
    await until('the handshake failed', () => a.node.heuristics.handshakeFailures === 1);
    expect(lines).toEqual(['one\r two', '']);
    expect(a.log.at(-1)!.fields).toMatchObject({ code: 'P2P_ERR_FRAME_TOO_LARGE' });
    socket.destroy();
  });

  it('receive takes a message through a decoder and leaves the rest', async () => {
    const heard: string[] = [];
    const codec = textCodec();
    const a = makeNode(
      {},
      {
        async onHandshake(handshake) {
          const decoder = codec.decoder(handshake);
          heard.push(await handshake.receive(decoder), await handshake.receive(decoder));
        },
      },
    );
    const socket = await rawConnect(await listen(a));
    socket.write('who\nwhat\nmessage\n');
    await until('the message arrived', () => a.messages.length === 1);
    expect(heard).toEqual(['who', 'what']);
    expect(a.messages).toEqual(['message']);
    socket.destroy();
  });

  it('send writes a message with an encoder, as receive reads one', async () => {
    const heard: string[] = [];
    const errors: unknown[] = [];
    const line = textCodec();
    const greet: Hooks<string> = {
      async onHandshake(handshake) {
        await handshake.send(line.encoder(handshake), `hello from ${handshake.direction}`);
        const failing = { encode: () => JSON.parse('{') as never };
        errors.push(await peerErrorOf('P2P_ERR_ENCODE_FAILED', () => handshake.send(failing, 'never')));
        heard.push(await handshake.receive(line.decoder(handshake)));
      },
    };
    const [a, b] = [makeNode({}, greet), makeNode({}, greet)];
    const connection = await b.node.connect(await listen(a));
    await connection.send('over');
    await until('the message arrived', () => a.messages.length === 1);
    expect(heard.toSorted()).toEqual(['hello from inbound', 'hello from outbound']);
    expect(errors).toHaveLength(2);
    expect(a.messages).toEqual(['over']);
  });

  it('several reads at once are served in order', async () => {
    const parts: string[] = [];
    const a = makeNode(
      {},
      {
        async onHandshake(handshake) {
          parts.push(...(await Promise.all([handshake.read(2), handshake.read(3)])).map(String));
        },
      },
    );
    const socket = await rawConnect(await listen(a));
    socket.write('aabbb');
    await until('both were served', () => parts.length === 2);
    expect(parts).toEqual(['aa', 'bbb']);
    socket.destroy();
  });

  it('a write that its stream has not taken rejects when the handshake is over', async () => {
    const network = inMemory();
    let written!: Promise<void>;
    const a = makeNode(network, {
      onHandshake(handshake) {
        handshake.upgrade(new Duplex({ read() {}, write() {}, final: (callback) => callback() }));
        written = handshake.write('never taken');
      },
    });
    await makeNode(network).node.connect(await listen(a));
    await until('it is open', () => a.opened.length === 1);
    await expect(soon('the write', written)).rejects.toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
  });

  it('a read that nobody awaited rejects when the handshake is over, and a late one takes no bytes', async () => {
    const network = inMemory();
    let early!: Promise<Buffer>;
    let late!: () => Promise<Buffer>;
    const a = makeNode(network, {
      onHandshake(handshake) {
        early = handshake.read(10);
        late = () => handshake.read(1);
      },
    });
    const [, back] = await join(a, makeNode(network));
    const over = { code: 'P2P_ERR_HANDSHAKE_ENDED' };
    await expect(soon('the early read', early)).rejects.toMatchObject(over);
    await expect(soon('the late read', late())).rejects.toMatchObject(over);
    await back.send('whole');
    await until('it arrived', () => a.messages.length === 1);
    expect(a.messages).toEqual(['whole']);
  });

  it('the stream can be borrowed raw, and the handshake goes on after', async () => {
    const heard: string[] = [];
    const a = makeNode(
      {},
      {
        async onHandshake(handshake) {
          heard.push(String(await handshake.read(2)));
          const stream = handshake.takeStream();
          const chunk = await new Promise<Buffer>((resolve) => stream.once('data', resolve).resume());
          stream.pause();
          heard.push(String(chunk.subarray(0, 3)));
          stream.unshift(chunk.subarray(3));
          heard.push(String(await handshake.read(1)));
        },
      },
    );
    const socket = await rawConnect(await listen(a));
    socket.write('aabbbcline\n');
    await until('the line arrived', () => a.messages.length === 1);
    expect(heard).toEqual(['aa', 'bbb', 'c']);
    expect(a.messages).toEqual(['line']);
    socket.destroy();
  });

  it('the stream can be replaced: what is sent afterwards goes through the new one, both ways', async () => {
    const upgrade: Hooks<string> = {
      async onHandshake(handshake) {
        await handshake.write('go');
        await handshake.read(2);
        handshake.upgrade(rot(handshake.takeStream()));
      },
    };
    const [a, b] = [makeNode({}, upgrade), makeNode({}, upgrade)];
    const [there, back] = await join(a, b);
    await there.send('secret');
    await back.send('answer '.repeat(20_000));
    await until('both arrived', () => a.messages.length === 1 && b.messages.length === 1);
    expect(b.messages).toEqual(['secret']);
    expect(a.messages[0]).toHaveLength(140_000);
    await there.disconnect();
    await until('the end passed through', () => b.closed.length === 1);
  });

  it('what recycles on top of a link that does not is written to behind the caller, never in the middle', async () => {
    const network = inMemory();
    const recycling: Hooks<string> = {
      onHandshake: (handshake) =>
        handshake.upgrade(handshake.takeStream(), { reusesBuffers: true, neverReenters: true }),
    };
    const [a, b] = [makeNode(network, recycling), makeNode(network, recycling)];
    const [connection] = await join(a, b);
    await connection.send('hello');
    await until('the peer reads', () => b.messages.length === 1);
    for (let count = 0; count < 1_000; count++) connection.trySend('x'.repeat(500)); // many slabs
    expect(b.messages.length).toBe(1);
    await until('all arrived', () => b.messages.length === 1_001);
  });

  it.each([
    ['a PeerError about frames', new PeerError('P2P_ERR_INVALID_FRAME', 'no frame of mine'), 'invalid-frame'],
    ['anything else', new Error('broken'), 'stream-error'],
  ])('a stream put on top that fails with %s ends its connection alone', async (_, error, cause) => {
    const upgraded: Duplex[] = [];
    const a = makeNode(
      {},
      {
        onHandshake(handshake) {
          upgraded.push(rot(handshake.takeStream()));
          handshake.upgrade(upgraded.at(-1)!);
        },
      },
    );
    const port = await listen(a);
    const [first, second] = [await rawConnect(port), await rawConnect(port)];
    await until('both are connected', () => a.node.connections.size === 2);
    upgraded[0]!.destroy(error);
    await until('one ended', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toMatchObject({ origin: 'reading', cause, error });
    second.write(flip(Buffer.from('still here\n')));
    await until('the other goes on', () => a.messages.length === 1);
    first.destroy();
    second.destroy();
  });

  it('what came before the bad frame of such a stream is handled, half a message is not', async () => {
    let upgraded!: Duplex;
    let goOn!: () => void;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const a = makeNode(
      { codec: lines() },
      {
        onHandshake(handshake) {
          upgraded = rot(handshake.takeStream());
          handshake.upgrade(upgraded);
        },
        onMessage: (message) => (a.messages.push(message), held),
      },
    );
    const socket = await rawConnect(await listen(a));
    socket.write(flip(Buffer.from('one\ntwo\nthree\nhal')));
    await until('the first is being handled', () => a.messages.length === 1);
    await until('all arrived', () => [...a.node.connections][0]!.stats.bytesReceived === 17);
    upgraded.destroy(new PeerError('P2P_ERR_INVALID_FRAME', 'forged'));
    await until('the stream is gone', () => upgraded.closed);
    expect(a.closed).toEqual([]);
    goOn();
    await until('it ended', () => a.closed.length === 1);
    expect(a.messages).toEqual(['one', 'two', 'three']);
    expect(a.closed[0]!.reason).toMatchObject({
      cause: 'invalid-frame',
      error: { code: 'P2P_ERR_INVALID_FRAME' },
    });
    socket.destroy();
  });

  it('nor does it cost messages, or the reason, that handlers find that they can no longer reply', async () => {
    let upgraded!: Duplex;
    let goOn!: () => void;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const answers: unknown[] = [];
    const a = makeNode(
      {},
      {
        onHandshake(handshake) {
          upgraded = rot(handshake.takeStream());
          handshake.upgrade(upgraded);
        },
        async onMessage(message, connection) {
          a.messages.push(message);
          await held;
          await connection.send(`${message} to you`).catch((error: unknown) => {
            answers.push(error);
            throw error;
          });
        },
      },
    );
    const socket = await rawConnect(await listen(a));
    socket.write(flip(Buffer.from('one\ntwo\nthree\n')));
    await until('the first is being handled', () => a.messages.length === 1);
    await until('all arrived', () => [...a.node.connections][0]!.stats.bytesReceived === 14);
    upgraded.destroy(new PeerError('P2P_ERR_INVALID_FRAME', 'forged'));
    await until('the stream is gone', () => upgraded.closed);
    goOn();
    await until('it ended', () => a.closed.length === 1);
    expect(a.messages).toEqual(['one', 'two', 'three']);
    expect(a.closed[0]!.reason).toMatchObject({ origin: 'reading', cause: 'invalid-frame' });
    expect(a.node.heuristics).toMatchObject({ droppedBytes: 0, hookErrors: 0, peerFaults: 3 });
    expect(answers).toHaveLength(3);
    expect(answers.every((error) => PeerError.is(error, 'P2P_ERR_DISCONNECTED'))).toBe(true);
    socket.destroy();
  });

  it('bytes that arrived before the upgrade reach the new stream', async () => {
    const a = makeNode(
      {},
      {
        async onHandshake(handshake) {
          await handshake.read(8);
          handshake.upgrade(rot(handshake.takeStream()));
        },
      },
    );
    const socket = await rawConnect(await listen(a));
    socket.write(Buffer.concat([Buffer.from('STARTTLS'), flip(Buffer.from('hidden\n'))]));
    await until('the line arrived', () => a.messages.length === 1);
    expect(a.messages).toEqual(['hidden']);
    socket.destroy();
  });

  it('what the handshake learned reaches codecs and hooks', async () => {
    const prefix = contextKey<string>('prefix');
    const inner = textCodec();
    const codec: Codec<string> = {
      decoder: inner.decoder.bind(inner),
      encoder: ({ context, direction }) => {
        const encoder = inner.encoder(undefined as never);
        return {
          encode: (message, output) =>
            encoder.encode(`${direction} ${context.get(prefix)} ${message}`, output),
        };
      },
    };
    const [a, b] = [
      makeNode({ codec }, { onHandshake: (handshake) => handshake.context.set(prefix, 'key7') }),
      makeNode(),
    ];
    const [connection] = await join(a, b);
    expect(connection.context.get(prefix)).toBe('key7');
    expect(connection.context.has(contextKey('prefix'))).toBe(false);
    await connection.send('hi');
    await until('it arrived', () => b.messages.length === 1);
    expect(b.messages).toEqual(['outbound key7 hi']);
  });

  it('a peer that leaves in the middle ends the handshake, and releases its slot', async () => {
    const a = makeNode({}, { onHandshake: async (handshake) => void (await handshake.read(100)) });
    const socket = await rawConnect(await listen(a));
    await until('the handshake is under way', () => a.node.connecting === 1);
    socket.end('half');
    await until('it failed', () => a.node.heuristics.handshakeFailures === 1);
    expect(a.log.at(-1)!.fields).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
    expect(a.node.connecting).toBe(0);
    socket.destroy();
  });

  it('a peer cannot make us buffer what no handshake asked for', async () => {
    let session: Handshake | undefined;
    const a = makeNode(
      {},
      {
        async onHandshake(handshake) {
          session = handshake;
          await handshake.read(1);
          await never();
        },
      },
    );
    const socket = await rawConnect(await listen(a));
    socket.write(Buffer.alloc(8 * 1024 * 1024, 1));
    await until('the handshake is under way', () => session !== undefined);
    await until('the sender is held back', () => socket.writableLength > 0 && socket.writableNeedDrain);
    const kept = (session as unknown as { received: { length: number } }).received.length;
    expect(kept).toBeLessThan(256 * 1024);
    socket.destroy();
  });

  it('half-open connections are pruned by the timeout, and the node stays reachable', async () => {
    const word = password('sesame');
    const a = makeNode({ handshakeTimeoutMs: 100, maxConnections: 8, maxConnectingPerIp: 7 }, word);
    const address = await listen(a);
    const sockets = await Promise.all(Array.from({ length: 7 }, () => rawConnect(address)));
    await until('all slots are taken', () => a.node.connecting === 7);
    await Promise.all(sockets.map((socket) => soon('the end', socketClosed(socket))));
    expect(a.node.heuristics.handshakeTimeouts).toBe(7);
    const b = makeNode({}, word);
    await join(b, a);
  });
});

describe('onAccept', () => {
  it('refuses before a byte is read, and is counted apart', async () => {
    let shook = 0;
    const [a, b] = [makeNode({}, { onAccept: () => false, onHandshake: () => void shook++ }), makeNode()];
    await listen(a);
    await b.node.connect(a.node.address!).catch(() => {});
    await until('it was refused', () => a.node.heuristics.refusedByHook === 1);
    expect(shook).toBe(0);
  });

  it('is told the address, runs for inbound connections only, and may take its time', async () => {
    const asked: string[] = [];
    const hooks: Hooks<string> = {
      async onAccept({ address }) {
        await Promise.resolve();
        asked.push(address.host);
        return true;
      },
    };
    const [a, b] = [makeNode({}, hooks), makeNode({}, hooks)];
    await join(a, b);
    expect(asked).toEqual(['127.0.0.1']);
  });

  it('the first of several that refuses has the last word', async () => {
    const asked: number[] = [];
    const a = makeNode({}, { onAccept: () => void asked.push(1) });
    a.node.use({ onAccept: () => (asked.push(2), false) }).use({ onAccept: () => void asked.push(3) });
    const socket = await rawConnect(await listen(a));
    await soon('the refusal', socketClosed(socket));
    expect(asked).toEqual([1, 2]);
  });
});

/** A duplex over `inner` that flips every byte, both ways. */
function rot(inner: Duplex): Duplex {
  const outwards = flipper();
  const inwards = flipper();
  outwards.pipe(inner).pipe(inwards);
  return Duplex.from({ writable: outwards, readable: inwards.pipe(new PassThrough()) });
}

function flipper(): Transform {
  return new Transform({ transform: (chunk: Buffer, _encoding, done) => done(null, flip(chunk)) });
}

function flip(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => byte ^ 0xff));
}
