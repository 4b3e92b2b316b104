import { describe, expect, it } from '@jest/globals';
import { json, lengthDelimited } from '@pea2pea/codecs';
import { PeerError, PeerNode, type Codec, type Hooks, type NodeConfig } from '@pea2pea/core';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';
import type { Socket } from 'node:net';
import { join, lab, rawConnect, socketClosed, soon, type TestNode, until } from '@pea2pea/testing';

const { makeNode } = lab();

/** Texts in frames of at most a hundred bytes. */
const texts = json<string>(lengthDelimited({ maxFrameLength: 100 }));

/** A node that has a good peer, and what a bad one does to it. */
async function withGoodPeer(
  config: Partial<NodeConfig<string>>,
  hooks: Hooks<string>,
  act: (a: TestNode) => Promise<void>,
): Promise<TestNode> {
  const [a, good] = [makeNode({ codec: texts, ...config }, hooks), makeNode({ codec: texts })];
  const [connection] = await join(good, a);
  await connection.send('before');
  await until('the good peer is served', () => a.messages.length === 1);
  await act(a);
  await connection.send('after');
  await until('both messages of the good peer arrived', () => a.messages.length === 2);
  expect(a.messages).toEqual(['before', 'after']);
  expect(a.node.connections.size).toBe(1);
  await join(makeNode({ codec: texts }), a);
  return a;
}

async function badPeer(a: TestNode, misbehave: (socket: Socket) => void): Promise<void> {
  const socket = await rawConnect(a.node.address!);
  misbehave(socket);
  if (!socket.destroyed) await soon('the bad peer to be thrown out', socketClosed(socket));
  socket.destroy();
  await until('it is gone', () => a.node.connections.size === 1 && a.node.connecting === 0);
}

/** The one line that somebody who runs the node sees. */
function complaints({ log }: TestNode): unknown[] {
  return log
    .filter(({ level }) => level === 'warn' || level === 'error')
    .map(({ level, text, fields: { code, reason } }) => ({ level, text, code, reason }));
}

describe('a peer that', () => {
  it('sends a frame that declares more than its limit is told of by one warning, and ends alone', async () => {
    const a = await withGoodPeer({}, {}, (a) => badPeer(a, (socket) => socket.write('\0\0\0\x65')));
    expect(a.closed.map(({ reason }) => reason)).toEqual([
      {
        origin: 'reading',
        cause: 'invalid-frame',
        error: expect.objectContaining({ code: 'P2P_ERR_FRAME_TOO_LARGE' }),
      },
    ]);
    expect(complaints(a)).toEqual([
      {
        level: 'warn',
        text: 'disconnected',
        code: 'P2P_ERR_FRAME_TOO_LARGE',
        reason: expect.stringContaining('a frame declares 101 bytes, the limit is 100'),
      },
    ]);
  });

  it('sends bytes that are no JSON is told of by one warning, and ends alone', async () => {
    const a = await withGoodPeer({}, {}, (a) => badPeer(a, (socket) => socket.write('\0\0\0\x04nope')));
    expect(a.closed.map(({ reason }) => reason)).toEqual([
      {
        origin: 'reading',
        cause: 'invalid-frame',
        error: expect.objectContaining({ code: 'P2P_ERR_INVALID_FRAME', cause: expect.any(SyntaxError) }),
      },
    ]);
    expect(complaints(a)).toEqual([
      {
        level: 'warn',
        text: 'disconnected',
        code: 'P2P_ERR_INVALID_FRAME',
        reason: expect.stringContaining('the frame is not JSON'),
      },
    ]);
  });

  it('connects and says nothing fails its handshake, is counted, and is told of by one warning', async () => {
    let goodOne = true;
    const hooks: Hooks<string> = {
      onHandshake: async (handshake) => {
        if (!goodOne) await handshake.read(1);
      },
    };
    const a = await withGoodPeer({ handshakeTimeoutMs: 80 }, hooks, async (a) => {
      goodOne = false;
      await badPeer(a, () => {});
      goodOne = true;
    });
    expect(a.node.heuristics).toMatchObject({ handshakeTimeouts: 1, handshakeFailures: 0 });
    expect(a.closed).toEqual([]);
    expect(complaints(a)).toEqual([
      {
        level: 'warn',
        text: 'no connection: the setup failed',
        code: 'P2P_ERR_HANDSHAKE_TIMEOUT',
        reason: undefined,
      },
    ]);
  });

  it('connects and says nothing where there is no handshake ends with the idle timeout and one warning', async () => {
    const a = makeNode({ codec: texts, idleTimeoutMs: 150 });
    const good = makeNode({ codec: texts });
    const [connection] = await join(good, a);
    const socket = await rawConnect(a.node.address!);
    await until('the silent one was ended', () => {
      // The good peer is one that speaks.
      if (connection.bufferedBytes === 0) connection.trySend('still here');
      return a.closed.length > 0;
    });
    expect(a.closed.map(({ reason }) => reason)).toEqual([{ origin: 'reading', cause: 'idle-timeout' }]);
    expect(a.closed[0]!.connection.address.port).toBe(socket.localPort);
    expect(a.node.heuristics.idleTimeouts).toBe(1);
    expect(complaints(a)).toEqual([
      { level: 'warn', text: 'disconnected', code: undefined, reason: 'reading: idle-timeout' },
    ]);
    await connection.send('after');
    await until('the good peer is served', () => a.messages.at(-1) === 'after');
    socket.destroy();
  });

  it('resets in mid-frame is told of by one warning, and ends alone', async () => {
    const a = await withGoodPeer({}, {}, async (a) => {
      const { bytesReceived } = a.node.stats;
      const socket = await rawConnect(a.node.address!);
      socket.write('\0\0\0\x08"ha');
      await until('half of it arrived', () => a.node.stats.bytesReceived === bytesReceived + 7);
      socket.resetAndDestroy();
      await until('it is gone', () => a.node.connections.size === 1);
    });
    expect(a.closed.map(({ reason }) => reason)).toEqual([
      {
        origin: 'reading',
        cause: 'stream-error',
        error: expect.objectContaining({ code: 'ECONNRESET' }),
      },
    ]);
    expect(complaints(a)).toEqual([
      {
        level: 'warn',
        text: 'disconnected',
        code: undefined,
        // Under jest an error of Node is no instance of the test's own Error, and is shown with its name.
        reason: expect.stringMatching(/^reading: stream-error \((Error: )?read ECONNRESET\)$/),
      },
    ]);
  });
});

describe('a user who', () => {
  /** What the user is told: `message` is all of it. */
  async function told(act: () => unknown): Promise<{ code: string; message: string }> {
    try {
      await act();
    } catch (error) {
      if (!PeerError.is(error)) throw error;
      return { code: error.code, message: error.message };
    }
    throw new Error('nobody complained');
  }

  it('gives an option a wrong value is told which, and what to do', async () => {
    const error = {
      code: 'P2P_ERR_INVALID_CONFIG',
      message:
        '`idleTimeoutMs` must be a whole number from 0 to 2147483647, not "60s"; ' +
        'correct the option named in the message; its documentation lists all of them',
    };
    const wrong = { codec: texts, idleTimeoutMs: '60s' as unknown as number };
    @Peer(wrong)
    class Confused {}

    const a = await withGoodPeer({}, {}, async () => {
      expect(await told(() => new PeerNode(wrong))).toEqual(error);
      expect(await told(() => createPeer(Confused))).toEqual(error);
    });
    expect(complaints(a)).toEqual([]);
  });

  it('decorates a class without a codec is told so when it starts, and nothing of it runs', async () => {
    let made = 0;
    @Peer({} as { codec: Codec<string> })
    class Mute {
      constructor() {
        made++;
      }
      @OnMessage()
      hear() {}
    }

    const a = await withGoodPeer({}, {}, async () => {
      const error = await told(() => createPeer(Mute, { listen: { host: '127.0.0.1', port: 0 } }));
      expect(error.code).toBe('P2P_ERR_MISSING_CODEC');
      expect(error.message).toMatch(/^Mute has no codec.*; give one: @Peer\(\{ codec: lines\(\) \}\)$/);
    });
    expect(made).toBe(0);
    expect(complaints(a)).toEqual([]);
  });
});
