import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { PassThrough, type Duplex } from 'node:stream';
import {
  memoryTransport,
  NEED_MORE,
  PeerError,
  SocketAddress,
  tcpTransport,
  type Codec,
  type Decoder,
  type Handshake,
  type Link,
  type PeerErrorCode,
  type Transport,
} from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { lines } from '@pea2pea/codecs';
import { TlsContext, tlsHandshake } from '@pea2pea/tls';
import { select } from '@pea2pea/streams';
import { selfSigned } from '@pea2pea/testing/certificates';
import { lab, listen, soon, type TestNode, turn, until } from '@pea2pea/testing';
import { MASK, MaskedStream } from './chaos/greeting.js';

const { makeNode } = lab();

// INVARIANT: nothing-crosses-an-upgrade. A peer, or who sits on the line, speaks below what is put on top.

/** A node that shakes hands by `onHandshake`, and a bare link to it. */
async function attacked(
  transport: Transport,
  role: 'inbound' | 'outbound',
  onHandshake: (handshake: Handshake) => Promise<void> | void,
): Promise<{ a: TestNode; link: Link }> {
  const a = makeNode({ transport, codec: lines(), handshakeTimeoutMs: 2_000 }, { onHandshake });
  const cancellation = new CancellationSource();
  let link!: Link;
  if (role === 'inbound') {
    const address = await listen(a);
    link = await transport.connect(address, { cancellation, noDelay: true, keepAlive: false });
  } else {
    const listener = await transport.listen(
      {
        address: new SocketAddress('127.0.0.1', 0),
        backlog: 1,
        reusePort: false,
        noDelay: true,
        keepAlive: false,
      },
      { onLink: (arrived) => void (link = arrived), onAcceptError() {}, onPeerGone() {} },
    );
    void a.node.connect(listener.address).catch(() => {});
    await until('the dial arrived', () => link !== undefined);
    void listener.close();
  }
  link.stream.on('error', () => {});
  link.stream.resume();
  return { a, link };
}

const endings = {
  'stays open': () => {},
  'ends the stream': (link: Link) => void link.stream.end(),
  'resets the stream': (link: Link) => link.reset(),
} as const;

const networks = { tcp: tcpTransport, memory: memoryTransport } as const;
const roles = ['inbound', 'outbound'] as const;

/** Ways to put a stream on top; each is content with what the peer wrote before, and waits. */
const upgrades: Record<string, (handshake: Handshake) => Promise<void>> = {
  async 'after a wait'(handshake) {
    await handshake.read(8);
    await turn(20);
    handshake.upgrade(new MaskedStream(handshake.takeStream()));
  },
  async 'over a stream that it took before'(handshake) {
    const stream = handshake.takeStream();
    await handshake.read(8);
    await turn(20);
    handshake.upgrade(new MaskedStream(stream));
  },
  async 'over the stream itself, and then again'(handshake) {
    await handshake.readUntil('S', 8); // of STARTTLS: the very first byte
    await handshake.read(7);
    await turn(20);
    handshake.upgrade(handshake.takeStream());
    await turn();
    handshake.upgrade(new MaskedStream(handshake.takeStream()));
  },
  async 'and hides that it was refused'(handshake) {
    await handshake.read(8);
    await turn(20);
    try {
      handshake.upgrade(new MaskedStream(handshake.takeStream()));
    } catch {
      // As if nothing had happened.
    }
  },
  async 'while a read waits'(handshake) {
    await handshake.read(8);
    const early = handshake.readUntil('\r', 64).catch(() => {});
    await turn(20);
    handshake.upgrade(new MaskedStream(handshake.takeStream()));
    await early;
  },
};

const matrix = Object.keys(networks).flatMap((network) =>
  roles.flatMap((role) =>
    Object.keys(endings).flatMap((ending) =>
      Object.keys(upgrades).map((upgrade) => ({ network, role, ending, upgrade })),
    ),
  ),
) as {
  network: keyof typeof networks;
  role: (typeof roles)[number];
  ending: keyof typeof endings;
  upgrade: string;
}[];

describe('what is sent below an upgrade', () => {
  it.each(matrix)(
    'is no message: $network, $role, the peer $ending, upgraded $upgrade',
    async ({ network, role, ending, upgrade }) => {
      let begun = false;
      let over = false;
      const { a, link } = await attacked(networks[network](), role, async (handshake) => {
        begun = true;
        await upgrades[upgrade]!(handshake).finally(() => (over = true));
      });
      await until('the handshake is under way', () => begun);
      link.stream.write('STARTTLSplain\nplain\n');
      endings[ending](link);
      await until('the hook is done', () => over);
      await turn(5);
      expect(a.messages).toEqual([]);
      link.reset();
      await until('all is over', () => a.node.connections.size === 0 && a.node.connecting === 0);
      expect(a.messages).toEqual([]);
    },
  );

  it.each([
    ['tcp', 'inbound'],
    ['tcp', 'outbound'],
    ['memory', 'inbound'],
    ['memory', 'outbound'],
  ] as const)(
    'fails the setup where the peer has ended the stream with it: %s, %s',
    async (network, role) => {
      const errors: unknown[] = [];
      const { a, link } = await attacked(networks[network](), role, async (handshake) => {
        await handshake.read(8);
        await turn(20);
        try {
          handshake.upgrade(new MaskedStream(handshake.takeStream()));
        } catch (error) {
          errors.push(error);
        }
        await handshake.read(1).catch((error: unknown) => errors.push(error));
        await handshake.readUntil('\n', 10).catch((error: unknown) => errors.push(error));
        await handshake
          .receive(lines().decoder(undefined as never))
          .catch((error: unknown) => errors.push(error));
      });
      link.stream.end('STARTTLSplain\n');
      await until('the setup failed', () => a.node.heuristics.handshakeFailures === 1);
      expect(errors).toHaveLength(4);
      for (const error of errors) expect(error).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
      expect(a.log.at(-1)!.fields).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
      expect([a.opened, a.messages, a.node.connecting]).toEqual([[], [], 0]);
    },
  );

  it.each(['read', 'readUntil', 'receive'] as const)(
    'is not what %s returns after it, and the new stream makes sense of it',
    async (method) => {
      const heard: string[] = [];
      const { a, link } = await attacked(tcpTransport(), 'inbound', async (handshake) => {
        await handshake.read(8);
        await turn(20);
        handshake.upgrade(new MaskedStream(handshake.takeStream()));
        if (method === 'read') heard.push(String(await handshake.read(3)));
        else if (method === 'readUntil') heard.push(String(await handshake.readUntil('\n', 10)));
        else heard.push(await handshake.receive(lines().decoder(undefined as never)));
      });
      link.stream.write(Buffer.concat([Buffer.from('STARTTLS'), flip(Buffer.from('one\ntwo\n'))]));
      await until('the line arrived', () => a.messages.length > 0);
      expect(heard).toEqual(['one']);
      expect(a.messages.at(-1)).toBe('two');
      link.reset();
    },
  );

  it('is ended with what stands on top where it is refused', async () => {
    let top!: Duplex;
    const { a, link } = await attacked(memoryTransport(), 'inbound', async (handshake) => {
      await handshake.read(8);
      await turn(5);
      handshake.upgrade((top = new MaskedStream(handshake.takeStream())));
    });
    link.stream.end('STARTTLSplain\n');
    await until('the setup failed', () => a.node.heuristics.handshakeFailures === 1);
    expect(top.destroyed).toBe(true);
  });
});

describe('the stream below an upgrade', () => {
  // Under Deno, TLS reads from the handle of the socket below it, which pausing stops.
  it('is not paused where it does not flow: what is on top of it may read it already', async () => {
    let pauses: number | undefined;
    const { a, link } = await attacked(memoryTransport(), 'inbound', async (handshake) => {
      await handshake.readUntil('\n', 10);
      const below = handshake.takeStream();
      const pause = below.pause.bind(below);
      pauses = 0;
      below.pause = () => (pauses!++, pause());
      handshake.upgrade(new PassThrough());
    });
    link.stream.write('STARTTLS\n');
    await until('it is connected', () => a.opened.length === 1);
    expect(pauses).toBe(0);
    link.reset();
  });
});

describe('TLS on top', () => {
  it.each(['ends the stream', 'stays open'] as const)(
    'takes what came in plain after the last bytes before it for no message: the peer %s',
    async (ending) => {
      const context = new TlsContext(await selfSigned());
      const { a, link } = await attacked(tcpTransport(), 'inbound', async (handshake) => {
        await handshake.readUntil('\n', 10);
        await turn(20);
        await tlsHandshake(handshake, context);
      });
      link.stream.write('STARTTLS\nplain\n');
      endings[ending](link);
      await until('the setup failed', () => a.node.heuristics.handshakeFailures === 1);
      const code = ending === 'stays open' ? 'P2P_ERR_HANDSHAKE_REJECTED' : 'P2P_ERR_HANDSHAKE_ENDED';
      expect(a.log.at(-1)!.fields).toMatchObject({ code });
      expect(a.messages).toEqual([]);
    },
  );
});

describe('a read that waits when the stream is upgraded', () => {
  it.each(['upgrade', 'stream'] as const)('rejects: %s', async (how) => {
    const errors: unknown[] = [];
    const { a, link } = await attacked(memoryTransport(), 'inbound', async (handshake) => {
      const early = handshake.read(100);
      await turn(3);
      if (how === 'upgrade') handshake.upgrade(new MaskedStream(handshake.takeStream()));
      else void handshake.takeStream();
      await soon('the read', early).catch((error: unknown) => errors.push(error));
    });
    link.stream.write('some');
    await until('it is over', () => errors.length === 1);
    expect(errors[0]).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
    await until('the handshake goes on all the same', () => a.opened.length === 1);
    link.reset();
  });
});

/** What a hook may have done before it takes the stream. A read that waits is abandoned, as one that lost a race is. */
const before: Record<string, (handshake: Handshake) => unknown> = {
  'at once': () => {},
  'while a read waits': (handshake) => handshake.read(1).catch(() => {}),
  'while several reads wait': (handshake) => {
    handshake.read(1).catch(() => {});
    handshake.receive(lines().decoder(undefined as never)).catch(() => {});
  },
  'while a read of the rest waits': (handshake) => handshake.readUntil('\n', 100).catch(() => {}),
  async 'after a read'(handshake) {
    await handshake.read(5);
  },
  async 'after a read that failed'(handshake) {
    await handshake.readUntil('\n', 2).catch(() => {});
  },
  'while a read waits for a stream that was taken before': (handshake) => {
    handshake.takeStream();
    handshake.read(1).catch(() => {});
  },
  'after who took it before let it flow': (handshake) => {
    const listener = (): void => {};
    handshake.takeStream().on('data', listener).resume().off('data', listener);
  },
  'over a stream on top, while a read waits': (handshake) => {
    handshake.upgrade(new MaskedStream(new MaskedStream(handshake.takeStream())));
    handshake.read(1).catch(() => {});
  },
};
/** Those before which the peer has spoken. */
const early: Record<string, string> = {
  'while a read of the rest waits': 'some ',
  'after a read': 'HELLO',
  'after a read that failed': 'some ',
};
const handovers = Object.keys(networks).flatMap((network) =>
  roles.flatMap((role) => Object.keys(before).map((when) => ({ network, role, when }))),
) as { network: keyof typeof networks; role: (typeof roles)[number]; when: string }[];

describe('a stream that changes hands flows to nobody in between', () => {
  it.each(handovers)('taken $when: $network, $role', async ({ network, role, when }) => {
    let stream: Duplex | undefined;
    let goOn!: () => void;
    const wait = new Promise<void>((resolve) => (goOn = resolve));
    let got = '';
    const { link } = await attacked(networks[network](), role, async (handshake) => {
      const reading = before[when]!(handshake);
      if (when.startsWith('after')) await reading;
      await turn(5);
      const taken = (stream = handshake.takeStream());
      await wait;
      taken.on('data', (chunk: Buffer) => (got += String(chunk))).resume();
      await until('all came', () => got.includes('!'), 1_000);
    });
    if (early[when] !== undefined) link.stream.write(early[when]);
    await until('it was taken', () => stream !== undefined);
    link.stream.write('greeting!');
    await turn(20);
    expect(stream!.isPaused()).toBe(true);
    goOn();
    await until('the greeting arrived', () => got.includes('!'), 1_000);
    expect(got).toBe(`${when === 'after a read' ? '' : (early[when] ?? '')}greeting!`);
    link.reset();
  });

  it.each(Object.keys(networks) as (keyof typeof networks)[])(
    'put on top while it flows: %s',
    async (network) => {
      let heard: string | undefined;
      let isUp = false;
      const { a, link } = await attacked(networks[network](), 'inbound', async (handshake) => {
        const listener = (): void => {};
        const top = new MaskedStream(handshake.takeStream());
        top.on('data', listener).resume().off('data', listener);
        handshake.upgrade(top);
        isUp = true;
        await turn(20);
        heard = String(await handshake.readUntil('\n', 10));
      });
      await until('it stands on top', () => isUp);
      link.stream.write(flip(Buffer.from('one\ntwo\n')));
      await until('both arrived', () => a.messages.length > 0, 1_000);
      expect([heard, a.messages]).toEqual(['one', ['two']]);
      link.reset();
    },
  );

  it.each(Object.keys(networks) as (keyof typeof networks)[])(
    'but to what stands on it already, though a read waited: %s',
    async (network) => {
      const { a, link } = await attacked(networks[network](), 'inbound', async (handshake) => {
        const stream = handshake.takeStream();
        const waiting = handshake.read(1).catch(() => {});
        const top = new MaskedStream(stream);
        top.read(0); // it flows
        handshake.upgrade(top);
        await waiting;
      });
      await until('it is open', () => a.opened.length === 1);
      link.stream.write(flip(Buffer.from('one\n')));
      await until('the line arrived', () => a.messages.length === 1);
      expect(a.messages).toEqual(['one']);
      link.reset();
    },
  );

  it('and an error that does not end it leaves nothing to flow in: no read waits any more', async () => {
    const top = new PassThrough({ autoDestroy: false });
    let error: unknown;
    let isPaused: boolean | undefined;
    const { link } = await attacked(memoryTransport(), 'inbound', async (handshake) => {
      handshake.upgrade(top);
      const waiting = handshake.read(1);
      top.emit('error', new Error('odd'));
      error = await waiting.catch((cause: unknown) => cause);
      isPaused = top.isPaused();
      handshake.reject('odd');
    });
    await until('the read is over', () => isPaused !== undefined);
    expect(error).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
    expect(isPaused).toBe(true);
    link.reset();
  });
});

describe('a handshake that is over', () => {
  it('takes nothing from the connection: no bytes, no stream, no write in between', async () => {
    let late!: Handshake;
    const { a, link } = await attacked(memoryTransport(), 'inbound', (handshake) => void (late = handshake));
    await until('it is open', () => a.opened.length === 1);
    link.stream.write('half a ');
    await until('it arrived', () => a.opened[0]!.stats.bytesReceived === 7);
    const stream = late.takeStream();
    expect(stream.readableLength).toBe(0);
    const top = new PassThrough();
    expect(() => late.upgrade(top)).toThrow(expect.objectContaining({ code: 'P2P_ERR_HANDSHAKE_ENDED' }));
    expect(top.destroyed).toBe(true);
    await expect(late.write('in between')).rejects.toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
    link.stream.write('line\n');
    await until('the line is whole', () => a.messages.length === 1);
    expect(a.messages).toEqual(['half a line']);
    link.reset();
  });

  it('destroys what an abandoned hook would put on top of its stream', async () => {
    const top = new PassThrough();
    const transport = memoryTransport();
    const errors: unknown[] = [];
    const a = makeNode(
      { transport, handshakeTimeoutMs: 20 },
      {
        async onHandshake(handshake) {
          await once(handshake.signal, 'abort');
          try {
            handshake.upgrade(top);
          } catch (error) {
            errors.push(error);
          }
        },
      },
    );
    const cancellation = new CancellationSource();
    await transport.connect(await listen(a), { cancellation, noDelay: true, keepAlive: false });
    await until('the hook went on', () => errors.length === 1);
    expect(errors[0]).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_TIMEOUT' });
    expect(top.destroyed).toBe(true);
  });
});

describe('negotiations', () => {
  it('leave what came after them where it was, for what stands on top', async () => {
    const { a, link } = await attacked(tcpTransport(), 'outbound', async (handshake) => {
      await select(handshake, ['/mask']);
      await turn(10);
      handshake.upgrade(new MaskedStream(handshake.takeStream()));
    });
    const answer = Buffer.from('\x13/multistream/1.0.0\n\x06/mask\n', 'latin1');
    link.stream.write(Buffer.concat([answer, flip(Buffer.from('hidden\n'))]));
    await until('it arrived', () => a.messages.length === 1);
    expect(a.messages).toEqual(['hidden']);
    link.reset();
  });
});

/** Records of a count and as many letters, each letter a message: a decoder that holds several. */
class LettersDecoder implements Decoder<string> {
  #held: string[] = [];

  decode(input: {
    length: number;
    peek(at: number): number;
    readText(size: number): string;
    skip(n: number): void;
  }) {
    if (this.#held.length === 0) {
      if (input.length < 1 || input.length < 1 + input.peek(0)) return NEED_MORE;
      const size = input.peek(0);
      input.skip(1);
      this.#held = [...input.readText(size)];
    }
    return this.#held.shift() ?? NEED_MORE;
  }

  holds(): boolean {
    return this.#held.length > 0;
  }
}

describe('messages that a decoder of the handshake holds', () => {
  const shake = async (
    onHandshake: (handshake: Handshake, decoder: LettersDecoder) => Promise<void>,
    codec?: (decoder: LettersDecoder) => Codec<string>,
  ): Promise<TestNode> => {
    const transport = memoryTransport();
    const decoder = new LettersDecoder();
    const a = makeNode(
      { transport, codec: codec?.(decoder) ?? lines() },
      { onHandshake: (handshake) => onHandshake(handshake, decoder) },
    );
    const cancellation = new CancellationSource();
    const link = await transport.connect(await listen(a), { cancellation, noDelay: true, keepAlive: false });
    link.stream.on('error', () => {});
    link.stream.write('\x03abc');
    await until('the setup is over', () => a.node.heuristics.handshakeFailures + a.opened.length === 1);
    return a;
  };

  it('are received one after the other, though no byte is left', async () => {
    const heard: string[] = [];
    const a = await shake(async (handshake, decoder) => {
      for (let count = 0; count < 3; count++) heard.push(await handshake.receive(decoder));
    });
    expect(heard).toEqual(['a', 'b', 'c']);
    expect(a.opened).toHaveLength(1);
  });

  it('are not lost silently: the setup fails', async () => {
    const a = await shake(async (handshake, decoder) => void (await handshake.receive(decoder)));
    expect(a.log.at(-1)!.fields).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_FAILED' });
    expect(a.node.connecting).toBe(0);
  });

  it('do not cross an upgrade: it is refused', async () => {
    const a = await shake(async (handshake, decoder) => {
      await handshake.receive(decoder);
      handshake.upgrade(new MaskedStream(handshake.takeStream()));
    });
    expect(a.log.at(-1)!.fields).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_FAILED' });
  });

  it('are those of the connection where its codec goes on with the decoder', async () => {
    const a = await shake(
      async (handshake, decoder) => void (await handshake.receive(decoder)),
      (decoder) => ({ decoder: () => decoder, encoder: (context) => lines().encoder(context) }),
    );
    await until('they were handled', () => a.messages.length === 2);
    expect(a.messages).toEqual(['b', 'c']);
  });
});

describe('an upgrade that throws', () => {
  const thrower = (): never => {
    throw new Error('from user code');
  };

  it.each<[string, (handshake: Handshake, below: Duplex) => Promise<void> | void]>([
    ['was given no stream', (handshake) => handshake.upgrade({} as Duplex)],
    ['was given null for the options', (handshake, below) => handshake.upgrade(below, null as never)],
    [
      'was given a stream that cannot be listened to',
      (handshake, below) => handshake.upgrade(Object.assign(new MaskedStream(below), { on: thrower })),
    ],
    [
      'asked a decoder that throws whether it holds messages',
      async (handshake, below) => {
        const holds = { now: () => false };
        await handshake.receive({ decode: (input) => input.read(1), holds: () => holds.now() });
        holds.now = () => ((holds.now = () => false), thrower());
        handshake.upgrade(new MaskedStream(below));
      },
    ],
    [
      'could not put back what was received',
      async (handshake, below) => {
        await handshake.read(1);
        below.unshift = thrower;
        handshake.takeStream();
      },
    ],
  ])('fails the setup, although the hook goes on: it %s', async (_what, upgrade) => {
    let thrown: unknown;
    const { a, link } = await attacked(memoryTransport(), 'inbound', async (handshake) => {
      await handshake.readUntil('\n', 16);
      try {
        await upgrade(handshake, handshake.takeStream());
      } catch (error) {
        thrown = error;
      }
    });
    link.stream.write('hello\nEVIL\nEVIL\n');
    await until('the setup is over', () => a.node.connecting === 0 && thrown !== undefined);
    await turn();
    expect(a.opened).toHaveLength(0);
    expect(a.messages).toEqual([]);
    expect(a.log.at(-1)!.fields).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_FAILED' });
  });

  it('lets go of the stream', async () => {
    let top!: Duplex;
    const { a, link } = await attacked(memoryTransport(), 'inbound', async (handshake) => {
      await handshake.readUntil('\n', 16);
      top = new MaskedStream(handshake.takeStream());
      handshake.upgrade(top, null as never);
    });
    link.stream.write('hello\n');
    await until('the setup failed', () => a.node.heuristics.handshakeFailures === 1);
    expect(top.destroyed).toBe(true);
  });
});

describe('a decoder of the handshake that breaks its contract', () => {
  it.each<[string, () => unknown, PeerErrorCode]>([
    ['undefined', () => undefined, 'P2P_ERR_BAD_DECODER'],
    ['a promise', () => Promise.resolve('x'), 'P2P_ERR_BAD_DECODER'],
    ['a promise that rejects', () => Promise.reject(new Error('no')), 'P2P_ERR_BAD_DECODER'],
    ['a message without consuming a byte', () => 'x', 'P2P_ERR_STALLED_DECODER'],
  ])('is told so: it returns %s', async (what, result, code) => {
    const { a, link } = await attacked(memoryTransport(), 'inbound', async (handshake) => {
      await handshake.receive({
        decode(input) {
          if (!what.startsWith('a message')) input.skip(input.length);
          return result() as string;
        },
      });
    });
    link.stream.write('x');
    await until('the setup failed', () => a.node.heuristics.handshakeFailures === 1);
    expect(a.log.at(-1)!.fields).toMatchObject({ code });
    expect(PeerError.is(a.log.at(-1)!.fields['err'], code)).toBe(true);
  });
});

/** The bytes as {@link MaskedStream} sends them. */
function flip(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => byte ^ MASK));
}
