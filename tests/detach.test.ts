import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { PassThrough } from 'node:stream';
import {
  describeReason,
  memoryTransport,
  type Detached,
  type Handshake,
  type PeerError,
} from '@pea2pea/core';
import { lines } from '@pea2pea/codecs';
import { TlsContext, tlsHandshake } from '@pea2pea/tls';
import { selfSigned } from '@pea2pea/testing/certificates';
import {
  join,
  lab,
  listen,
  never,
  rawConnect,
  silentLogger,
  socketClosed,
  until,
  warningsIn,
} from '@pea2pea/testing';
import { MaskedStream } from './chaos/greeting.js';

const { makeNode } = lab();

/** What `promise` rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<PeerError> {
  return promise.then(
    () => {
      throw new Error('it was not rejected');
    },
    (error: unknown) => error as PeerError,
  );
}

describe('a connection that is detached', () => {
  it('hands over its stream and what was not decoded, once all is flushed, and is told of as ended', async () => {
    const handled: string[] = [];
    let detached: Detached | undefined;
    let last: Promise<void> | undefined;
    const a = makeNode(
      {},
      {
        async onMessage(message, connection) {
          handled.push(message);
          connection.trySend('x'.repeat(2_000_000));
          detached = await connection.detach();
        },
        onDisconnect(connection) {
          last = connection.send('never');
          void last.catch(() => {});
        },
      },
    );
    const socket = await rawConnect(await listen(a));
    let heard = '';
    socket.on('data', (chunk: Buffer) => (heard += String(chunk)));
    socket.write('go\nhead of\nsomething else');
    await until('it is handed over', () => detached !== undefined);
    const { stream, head } = detached!;
    expect(handled).toEqual(['go']);
    expect(String(head)).toBe('head of\nsomething else');
    expect(stream.isPaused()).toBe(true);
    expect(stream.eventNames().filter((name) => name !== 'end' && name !== 'error')).toEqual([]);
    expect(a.closed.map(({ reason }) => describeReason(reason))).toEqual(['detached']);
    expect((await errorOf(last!)).code).toBe('P2P_ERR_DISCONNECTED');
    expect([a.node.connections.size, a.node.heuristics.closed, a.node.bufferedBytes]).toEqual([0, 1, 0]);
    expect(a.node.heuristics.droppedBytes).toBe(0);
    expect(warningsIn(a.log)).toEqual([]);
    const report = await a.node.close();
    expect(report).toMatchObject({ connections: 0, cut: [] });
    expect(report.elapsedMs).toBeLessThan(200);
    stream.write('still here');
    await until('it writes', () => heard.endsWith('still here'));
    expect(heard).toHaveLength(2_000_001 + 'still here'.length);
    socket.end(' and reads');
    expect(String(((await once(stream.resume(), 'data')) as [Buffer])[0])).toBe(' and reads');
    stream.destroy();
  });

  it('refuses what is asked of it afterwards, and meanwhile, with a code', async () => {
    const transport = memoryTransport();
    const a = makeNode({ transport });
    const b = makeNode({ transport });
    const [here] = await join(b, a);
    const address = here.address;
    const first = here.detach();
    const second = errorOf(here.detach());
    const third = errorOf(here.renegotiate(() => {}));
    const { stream } = await first;
    for (const error of [await second, await third]) expect(error.code).toBe('P2P_ERR_RENEGOTIATING');
    for (const call of [
      () => here.detach(),
      () => here.renegotiate(() => {}),
      () => here.send('x'),
      () => here.drained(),
      () => here.end(),
    ]) {
      expect(await errorOf(call())).toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    }
    expect(here.trySend('x')).toBe(false);
    expect(await here.disconnect()).toBe(false);
    expect(here.state).toBe('closed');
    expect(await here.closed).toEqual({ origin: 'detached' });
    expect(b.node.connections.get(address)).toBeUndefined();
    stream.write('by hand\n');
    await until('it arrived', () => a.messages.length === 1);
    stream.destroy();
  });

  it('may be one that renegotiates, and a stream put on top is what is handed over', async () => {
    const transport = memoryTransport();
    const a = makeNode({ transport });
    const b = makeNode({ transport });
    const [here] = await join(b, a);
    let detached: Detached | undefined;
    await here.renegotiate(async (handshake) => {
      handshake.upgrade(new MaskedStream(handshake.takeStream()));
      detached = handshake.detach();
      await never();
    });
    expect(detached!.stream).toBeInstanceOf(MaskedStream);
    expect(b.closed[0]!.reason).toEqual({ origin: 'detached' });
    expect(b.node.heuristics.renegotiationFailures).toBe(0);
    detached!.stream.destroy();
  });

  it('is what a renegotiation resolves with whose hook returns it', async () => {
    const transport = memoryTransport();
    const [here] = await join(makeNode({ transport }), makeNode({ transport }));
    const detached = await here.renegotiate(async (handshake) => Promise.resolve(handshake.detach()));
    expect(detached).toMatchObject({ head: Buffer.alloc(0) });
    detached.stream.destroy();
  });

  it('is not, where its peer takes nothing: the write timeout ends it', async () => {
    const a = makeNode(
      { writeTimeoutMs: 200, onDisconnectTimeoutMs: 200, outboundQueueBytes: 20_000_000 },
      {
        onMessage(_message, connection) {
          connection.trySend('x'.repeat(15_000_000));
          void errorOf(connection.detach()).then((error) => errors.push(error));
        },
      },
    );
    const errors: PeerError[] = [];
    const socket = await rawConnect(await listen(a));
    socket.pause();
    socket.write('go\n');
    await until('it has failed', () => errors.length === 1);
    expect(errors[0]!.code).toBe('P2P_ERR_WRITE_TIMEOUT');
    expect(a.closed[0]!.reason).toMatchObject({ origin: 'writing', cause: 'timeout' });
    socket.destroy();
  });
});

describe('a handshake that looks ahead', () => {
  /** What `hook` does with a peer that says `text`, byte by byte; and what the codec has of it. */
  async function told(text: string, hook: (handshake: Handshake) => Promise<void>) {
    const transport = memoryTransport();
    const a = makeNode({ transport, codec: lines() }, { onHandshake: hook });
    const address = await listen(a);
    const raw = makeNode(
      { transport },
      {
        async onHandshake(handshake) {
          for (const byte of Buffer.from(text)) await handshake.write(Buffer.of(byte));
        },
      },
    );
    await raw.node.connect(address).catch(() => {});
    return a;
  }

  it('peeks at bytes that stay, and puts back what it has read', async () => {
    const seen: string[] = [];
    const a = await told('GET /\nmore\n', async (handshake) => {
      seen.push(String(await handshake.peek(3)), String(await handshake.peek(5)));
      const line = await handshake.readUntil('\n', 100);
      handshake.unread(Buffer.from('POST '));
      seen.push(String(line), String(await handshake.peek(9)));
    });
    await until('the codec has the rest', () => a.messages.length === 1);
    expect(seen).toEqual(['GET', 'GET /', 'GET /', 'POST more']);
    expect(a.messages).toEqual(['POST more']);
  });

  it('puts back no more than it has read from that stream, and nothing once it is over', async () => {
    const errors: unknown[] = [];
    let kept!: Handshake;
    const attempt = (act: () => void): void => {
      try {
        act();
      } catch (error) {
        errors.push(error);
      }
    };
    const a = await told('abc\n', async (handshake) => {
      kept = handshake;
      await handshake.read(2);
      attempt(() => handshake.unread(Buffer.from('abc')));
      attempt(() => handshake.unread('ab' as never));
      handshake.unread(Buffer.from('ab'));
      attempt(() => handshake.unread(Buffer.from('z')));
      await expect(handshake.peek(-1)).rejects.toThrow(RangeError);
    });
    await until('the codec has the line', () => a.messages.length === 1);
    attempt(() => kept.unread(Buffer.from('a')));
    attempt(() => kept.detach());
    expect(a.messages).toEqual(['abc']);
    expect(errors).toEqual([
      expect.any(RangeError),
      expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }),
      expect.any(RangeError),
      expect.objectContaining({ code: 'P2P_ERR_HANDSHAKE_ENDED' }),
      expect.objectContaining({ code: 'P2P_ERR_HANDSHAKE_ENDED' }),
    ]);
  });

  it('serves a read that waits with what is put back', async () => {
    let got: string | undefined;
    await told('ab', async (handshake) => {
      await handshake.read(2);
      const waiting = handshake.read(2);
      handshake.unread(Buffer.from('cd'));
      got = String(await waiting);
    });
    await until('it was served', () => got !== undefined);
    expect(got).toBe('cd');
  });
});

describe('a handshake that hands its stream over', () => {
  it('makes no connection: its slot is free, the dial is told, and nothing is destroyed', async () => {
    const transport = memoryTransport();
    const later: string[] = [];
    let detached: Detached | undefined;
    const a = makeNode(
      { transport },
      {
        async onHandshake(handshake) {
          await handshake.read(2);
          detached = handshake.detach();
        },
      },
    );
    a.node.use({ onHandshake: ({ signal }) => void later.push(String(signal.aborted)) });
    const b = makeNode({ transport }, { onHandshake: (handshake) => handshake.write('hello') });
    await b.node.connect(await listen(a));
    await until('it was handed over', () => detached !== undefined && a.node.connecting === 0);
    expect(String(detached!.head)).toBe('llo');
    expect(detached!.stream.destroyed).toBe(false);
    expect([a.opened.length, a.closed.length, a.node.connections.size]).toEqual([0, 0, 0]);
    expect(a.node.heuristics).toMatchObject({ handedOver: 1, handshakeFailures: 0, accepted: 1 });
    expect(warningsIn(a.log)).toEqual([]);
    expect(later.every((aborted) => aborted === 'true')).toBe(true);
    await a.node.close();
    detached!.stream.write('still here\n');
    await until('it arrived', () => b.messages.length === 1);
    detached!.stream.destroy();
  });

  it('rejects the call that brought the stream, and leaves that stream alone', async () => {
    const a = makeNode({}, { onHandshake: (handshake) => void handshake.detach() });
    const accepted = new PassThrough();
    const dialled = new PassThrough();
    const errors = [
      await errorOf(a.node.accept(accepted, { address: 'somebody:1' })),
      await errorOf(a.node.connect('somebody:2', { stream: dialled })),
    ];
    expect(errors.map(({ code }) => code)).toEqual(['P2P_ERR_DETACHED', 'P2P_ERR_DETACHED']);
    expect([accepted.destroyed, dialled.destroyed]).toEqual([false, false]);
  });
});

describe('one port for http, https and peers with TLS and without', () => {
  /** What a client hello begins with (RFC 8446 section 5.1). */
  const CLIENT_HELLO = 0x16;

  async function port() {
    const { key, cert } = await selfSigned({ names: ['localhost'] });
    const secured = new TlsContext({ key, cert });
    const http: Server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += String(chunk)));
      request.on('end', () => response.end(`${request.method} ${request.url} ${body}`));
    });
    const handOver = ({ stream, head }: Detached): void => {
      if (head.length > 0) stream.unshift(head);
      http.emit('connection', stream);
      stream.resume();
    };
    const a = makeNode(
      { logger: silentLogger },
      {
        async onHandshake(handshake) {
          const [first] = await handshake.peek(1);
          if (first === CLIENT_HELLO) await tlsHandshake(handshake, secured);
          const [word] = await handshake.peek(1);
          if (word === 0x47 || word === 0x50) handOver(handshake.detach()); // GET, POST, PUT
        },
        onMessage: (message, connection) => void connection.trySend(`you said ${message}`),
      },
    );
    const address = await listen(a);
    const trusting = new TlsContext({ ca: cert, servername: 'localhost' });
    return { a, http, address, cert, trusting };
  }

  function fetchText(
    make: typeof httpRequest,
    options: object,
    method: string,
    body: string,
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = make({ method, path: '/page', ...options }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += String(chunk)));
        response.on('end', () => resolve(text));
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  it('each is served', async () => {
    const { a, http, address, cert, trusting } = await port();
    const { host, port: number } = address;
    const to = { host, port: number, agent: false };
    expect(await fetchText(httpRequest, to, 'GET', '')).toBe('GET /page ');
    expect(await fetchText(httpRequest, to, 'POST', 'x'.repeat(200_000))).toHaveLength(200_011);
    const tls = { ...to, ca: cert, servername: 'localhost' };
    expect(await fetchText(httpsRequest, tls, 'GET', '')).toBe('GET /page ');
    expect(await fetchText(httpsRequest, tls, 'POST', 'secret')).toBe('POST /page secret');
    const plain = makeNode();
    const one = await plain.node.connect(address);
    one.trySend('plainly');
    await until('it was heard', () => plain.messages.length === 1);
    const encrypted = makeNode(
      {},
      {
        async onHandshake(handshake) {
          await tlsHandshake(handshake, trusting);
        },
      },
    );
    const two = await encrypted.node.connect(address);
    two.trySend('secretly');
    await until('it was heard', () => encrypted.messages.length === 1);
    expect([plain.messages, encrypted.messages]).toEqual([['you said plainly'], ['you said secretly']]);
    expect(a.node.heuristics.handedOver).toBe(4);
    expect(a.node.connections.size).toBe(2);
    http.close();
  });

  it('an open connection becomes one of http, too', async () => {
    const http = createServer((request, response) => response.end(`served ${request.url}`));
    const a = makeNode(
      { codec: lines() },
      {
        async onMessage(message, connection) {
          if (message !== 'http') return;
          const { stream, head } = await connection.detach();
          if (head.length > 0) stream.unshift(head);
          http.emit('connection', stream);
          stream.resume();
        },
      },
    );
    const socket = await rawConnect(await listen(a));
    let heard = '';
    socket.on('data', (chunk: Buffer) => (heard += String(chunk)));
    socket.write('http\nGET /one HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await socketClosed(socket);
    expect(heard).toContain('served /one');
    socket.destroy();
    http.close();
  });
});
