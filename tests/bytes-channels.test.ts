import { afterEach, describe, expect, it } from '@jest/globals';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:net';
import { bytes, lines } from '@pea2pea/codecs';
import type { BytesDiagnostic, Codec, Hooks, LogDiagnostic } from '@pea2pea/core';
import { sealedStream } from '@pea2pea/core/authoring';
import { inMemory, join, lab, until } from '@pea2pea/testing';

const { makeNode } = lab();
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function watch<T>(name: string, onEvent: (event: T) => void): void {
  subscribe(name, onEvent as (event: unknown) => void);
  cleanups.push(() => unsubscribe(name, onEvent as (event: unknown) => void));
}

/** All bytes of one node, as latin1, in the order in which they were published. */
function record(node: string): { received: string; sent: string; order: string } {
  const seen = { received: '', sent: '', order: '' };
  const keep = (way: 'received' | 'sent') => (event: BytesDiagnostic) => {
    if (event.node !== node) return;
    seen[way] += Buffer.from(event.bytes).toString('latin1');
    seen.order += way === 'sent' ? '>' : '<';
  };
  watch('pea2pea:bytes:received', keep('received'));
  watch('pea2pea:bytes:sent', keep('sent'));
  return seen;
}

describe('the channels for bytes', () => {
  it('show what the codec reads and writes, each byte once, in the order of the stream', async () => {
    const network = inMemory();
    const seen = record('b');
    const a = makeNode({ ...network, codec: lines(), name: 'a' });
    const b = makeNode(
      { ...network, codec: lines(), name: 'b' },
      { onMessage: (line, from) => from.send(`${line}!`) },
    );
    const [connection] = await join(a, b);
    await connection.send('one');
    await connection.send('two');
    await until('both came back', () => a.messages.length === 2);
    expect(seen).toMatchObject({ received: 'one\ntwo\n', sent: 'one!\ntwo!\n' });
    expect(seen.order[0]).toBe('<');
  });

  it('show a reply after what it replies to, although the peer replies inside of the write', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, codec: lines(), name: 'a' });
    const b = makeNode(
      { ...network, codec: lines(), name: 'b' },
      { onMessage: (line, from) => from.send(line) },
    );
    const [connection] = await join(a, b);
    const seen = record('a');
    await connection.send('one');
    await until('it came back', () => a.messages.length === 1);
    expect(seen.order).toBe('><');
  });

  it('show a large message in the parts in which it is written', async () => {
    const seen = record('a');
    const codec = bytes() as unknown as Codec<string>;
    const [a, b] = [makeNode({ codec, name: 'a' }), makeNode({ codec, name: 'b' })];
    const [connection] = await join(a, b);
    const large = Buffer.alloc(1_000_000, 'x');
    await connection.send(large as unknown as string);
    expect(seen.sent.length).toBe(large.length);
    expect(seen.order.length).toBeGreaterThan(1);
  });

  it('show bytes that came with the end of the handshake, which the codec reads first', async () => {
    const seen = record('b');
    const network = inMemory();
    const b = makeNode(
      { ...network, codec: lines(), name: 'b' },
      { onHandshake: async (handshake) => void (await handshake.read(4)) },
    );
    const a = makeNode(
      { ...network, codec: lines(), name: 'a' },
      { onHandshake: (handshake) => handshake.write('HELOfirst\n') },
    );
    await join(a, b);
    await until('it arrived', () => b.messages.length === 1);
    expect(seen.received).toBe('first\n');
  });

  it('show plain bytes above a stream that seals, and say which stream it is', async () => {
    const network = inMemory();
    const turned = (chunk: Uint8Array): Buffer => Buffer.from(chunk.map((byte) => byte ^ 0xff));
    const streams = new Set<unknown>();
    const seal: Hooks<string> = {
      onHandshake: (handshake) => {
        const sealed = sealedStream(handshake.takeStream(), {
          seal: turned,
          open: (input) => turned(input.read(input.length)),
        });
        streams.add(sealed);
        handshake.upgrade(sealed);
      },
    };
    const events: BytesDiagnostic[] = [];
    const seen = record('b');
    watch<BytesDiagnostic>('pea2pea:bytes:received', (event) => events.push(event));
    const [a, b] = [
      makeNode({ ...network, codec: lines(), name: 'a' }, seal),
      makeNode({ ...network, codec: lines(), name: 'b' }, seal),
    ];
    const [connection] = await join(a, b);
    await connection.send('secret');
    await until('it arrived', () => b.messages.length === 1);
    expect(seen.received).toBe('secret\n');
    expect(events.every(({ stream }) => streams.has(stream))).toBe(true);
  });

  it('show what a renegotiation reads and writes, and nothing twice', async () => {
    const seen = record('b');
    const network = inMemory();
    const handled: string[] = [];
    const b = makeNode(
      { ...network, codec: lines(), name: 'b' },
      {
        onMessage: async (line, connection) => {
          handled.push(line);
          if (line !== 'DATA') return;
          await connection.renegotiate(async (handshake) => {
            await handshake.write('go\n');
            await handshake.readUntil('.\n', 100);
          });
        },
      },
    );
    const a = makeNode({ ...network, codec: lines(), name: 'a' });
    const [connection] = await join(a, b);
    for (const line of ['DATA', 'body', '.', 'after']) connection.trySend(line);
    await until('all is handled', () => handled.includes('after'));
    expect(seen).toMatchObject({ received: 'DATA\nbody\n.\nafter\n', sent: 'go\n' });
  });

  it('need no connection of this kernel on the other side', async () => {
    const seen = record('a');
    const server = createServer((socket) => socket.end('hello\nthere\n')).listen(0, '127.0.0.1');
    cleanups.push(() => server.close());
    await until('it listens', () => server.listening);
    const a = makeNode({ codec: lines(), name: 'a' });
    await a.node.connect({ host: '127.0.0.1', port: (server.address() as { port: number }).port });
    await until('both lines came', () => a.messages.length === 2);
    expect(seen.received).toBe('hello\nthere\n');
  });
});

describe('the channel for log lines', () => {
  it('shows every line with its details, also those below the level of the logger', async () => {
    const seen: LogDiagnostic[] = [];
    watch<LogDiagnostic>('pea2pea:log', (event) => seen.push(event));
    const network = inMemory();
    const [a, b] = [makeNode({ ...network, name: 'a' }), makeNode({ ...network, name: 'b' })];
    const [connection] = await join(a, b);
    a.node.logger.child({ part: 'mine' }).info({ peer: 'p' }, 'a line of a plugin');
    await connection.disconnect('enough');
    const line = seen.find(({ text }) => text === 'a line of a plugin');
    expect(line).toMatchObject({ node: 'a', level: 'info', fields: { node: 'a', part: 'mine', peer: 'p' } });
    expect(seen).toContainEqual(
      expect.objectContaining({
        level: 'debug',
        fields: expect.objectContaining({ connection: connection.id }),
      }),
    );
  });
});
