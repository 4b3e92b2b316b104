import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from '@jest/globals';
import { json } from '@pea2pea/codecs';
import { memoryTransport, PeerNode, PLUGIN_STATE, type Logger } from '@pea2pea/core';
import { ControlledClock, seededRandom } from '@pea2pea/core/testing';
import { addressBook } from '@pea2pea/network';
import {
  mdns,
  type MdnsLink,
  type MdnsLinkEvents,
  type MdnsOptions,
  type MdnsPacket,
  type MdnsRecord,
} from '@pea2pea/network/mdns';
import { peerErrorOf, until } from '@pea2pea/testing';

const KEY = '9f'.repeat(32);
const SERVICE = '_pea2pea._tcp.local';
const QUERY: MdnsPacket = { type: 'query', questions: [{ name: SERVICE, type: 'PTR' }] };
/** An address that is surely in a network of this machine. */
const NEIGHBOUR = '127.3.4.5';

const nodes: PeerNode<unknown>[] = [];
afterEach(() => Promise.all(nodes.splice(0).map((node) => node.close())));

/** A network without sockets: what is sent is kept, and what comes is up to the test. */
class Wire {
  readonly sent: MdnsPacket[] = [];
  events!: MdnsLinkEvents;
  isClosed = false;

  readonly open = (events: MdnsLinkEvents): MdnsLink => {
    this.events = events;
    return {
      send: (packet) => void this.sent.push(packet),
      close: async (last) => {
        if (last !== undefined) this.sent.push(last);
        this.isClosed = true;
      },
    };
  };

  say(packet: MdnsPacket, { address = NEIGHBOUR, port = 5_353 } = {}): void {
    this.events.onPacket(packet, { address, port });
  }

  of(type: MdnsPacket['type']): MdnsPacket[] {
    return this.sent.filter((packet) => packet.type === type);
  }
}

function telling({
  instance = 'bob',
  address = NEIGHBOUR,
  port = 4_100,
  id = KEY,
  ttl = 120,
  service = SERVICE,
} = {}): MdnsPacket {
  const name = `${instance}.${service}`;
  return {
    type: 'response',
    answers: [{ name: service, type: 'PTR', ttl, data: name }],
    additionals: [
      { name, type: 'SRV', ttl, data: { port, target: `${instance}.local` } },
      {
        name,
        type: 'TXT',
        ttl,
        data: [Buffer.from('v=1'), ...(id === undefined ? [] : [Buffer.from(`id=${id}`)])],
      },
      { name: `${instance}.local`, type: 'A', ttl, data: address },
    ],
  };
}

async function start(options: MdnsOptions = {}, host = '0.0.0.0') {
  const wire = new Wire();
  const clock = new ControlledClock();
  const warnings: string[] = [];
  const silent = (): void => {};
  const logger: Logger = {
    debug: silent,
    info: silent,
    warn: (_fields, text) => void warnings.push(text),
    error: silent,
    child: () => logger,
  };
  const node = new PeerNode<unknown>({
    codec: json(),
    transport: memoryTransport(),
    clock,
    random: seededRandom(1),
    logger,
  })
    .use(addressBook({ secret: 'a secret of a test' }))
    .use(mdns({ open: wire.open, ...options }));
  nodes.push(node);
  await node.listen({ host, port: 4_000 });
  const plugin = node.plugin(mdns);
  return { wire, clock, node, plugin, warnings, book: node.plugin(addressBook).book };
}

const advance = (clock: ControlledClock, ms: number): void => {
  for (let passed = 0; passed < ms; passed += 10) clock.advance(10);
};

describe('multicast DNS', () => {
  it('has the book learn who tells of itself, with the identity', async () => {
    const { wire, book, plugin } = await start();
    wire.say(telling());
    expect(book.all()).toMatchObject([{ source: 'discovered' }]);
    expect(String(book.all()[0]!.address)).toBe(`${KEY}@${NEIGHBOUR}:4100`);
    wire.say(telling());
    expect(plugin[PLUGIN_STATE]()).toMatchObject({
      isOpen: true,
      heard: 2,
      taken: 2,
      learned: 1,
      foreign: 0,
    });
  });

  it('tells of the node after the start and when somebody asks, no more than once a second', async () => {
    const { wire, clock } = await start({ identity: KEY }, '192.0.2.9');
    advance(clock, 130);
    expect(wire.of('response')).toHaveLength(1);
    const [packet] = wire.of('response');
    const records = [...packet!.answers!, ...packet!.additionals!];
    const data = (type: string): unknown => records.find((record) => record.type === type)?.data;
    expect(data('PTR')).toMatch(/^[\da-f]{16}\._pea2pea\._tcp\.local$/);
    expect(data('SRV')).toMatchObject({ port: 4_000 });
    expect(data('TXT')).toEqual(['v=1', `id=${KEY}`]);
    expect(data('A')).toBe('192.0.2.9');
    for (let index = 0; index < 100; index++) wire.say(QUERY);
    advance(clock, 800);
    expect(wire.of('response')).toHaveLength(1);
    advance(clock, 300);
    expect(wire.of('response')).toHaveLength(2);
  });

  it('does not tell of a node that listens on loopback alone, nor of one that is not to be told', async () => {
    const [local, quiet] = [await start({}, '127.0.0.1'), await start({ announce: false }, '192.0.2.9')];
    for (const { wire, clock } of [local, quiet]) {
      wire.say(QUERY);
      advance(clock, 2_000);
      expect(wire.of('response')).toHaveLength(0);
    }
  });

  it('asks after the start, then less and less often, and not where another node has just asked', async () => {
    const { wire, clock } = await start({ queryEveryMs: 8_000, announce: false });
    advance(clock, 60_000);
    const alone = wire.of('query').length;
    expect(alone).toBeGreaterThanOrEqual(8);
    expect(alone).toBeLessThanOrEqual(18);
    for (let second = 0; second < 30; second++) {
      wire.say(QUERY);
      advance(clock, 1_000);
    }
    expect(wire.of('query')).toHaveLength(alone);
  });

  it('says that the node is gone when it stops', async () => {
    const { wire, clock, node } = await start({}, '192.0.2.9');
    advance(clock, 130);
    await node.close();
    expect(wire.isClosed).toBe(true);
    expect(wire.sent.at(-1)!.answers).toMatchObject([{ type: 'PTR', ttl: 0 }]);
  });

  it.each<[string, MdnsPacket]>([
    ['another address than its own', telling({ address: '203.0.113.7' })],
    ['port 0', telling({ port: 0 })],
    ['an identity that is not one', telling({ id: 'a b' })],
    ['a node that is gone', telling({ ttl: 0 })],
    ['another service', telling({ service: '_http._tcp.local' })],
    ['an instance alone', { type: 'response', answers: telling().answers! }],
    ['nothing', { type: 'response' }],
    [
      'nonsense',
      { type: 'response', answers: [{ name: SERVICE, type: 'PTR', data: 7 } satisfies MdnsRecord] },
    ],
    ['this node', telling({ address: '127.0.0.1', port: 4_000 })],
  ])('has nothing learned of who tells of %s', async (what, packet) => {
    const { wire, book } = await start();
    wire.say(packet, what === 'this node' ? { address: '127.0.0.1' } : {});
    expect(book.size).toBe(0);
  });

  it('ignores who is not in the network, and who sends from another port', async () => {
    const { wire, book, plugin } = await start();
    wire.say(telling({ address: '203.0.113.7' }), { address: '203.0.113.7' });
    wire.say(telling(), { port: 40_000 });
    expect(book.size).toBe(0);
    expect(plugin.counts).toMatchObject({ foreign: 2, heard: 0 });
  });

  it('looks at no more packets than `maxPerSecond`, and takes no more new addresses than `acceptPerMinute`', async () => {
    const { wire, plugin, clock } = await start({ maxPerSecond: 50, acceptPerMinute: 10 });
    const flood = (from: number): void => {
      for (let index = 0; index < 1_000; index++) wire.say(telling({ port: from + index }));
    };
    flood(5_000);
    expect(plugin.counts).toMatchObject({ heard: 100, taken: 10, refused: 90, limited: 900 });
    advance(clock, 60_000);
    flood(10_000);
    expect(plugin.counts.taken).toBe(20);
  });

  it('has one host fill no more than one bucket of the book, and all of the network no more than a sixteenth', async () => {
    const { wire, book } = await start({ maxPerSecond: 100_000, acceptPerMinute: 100_000 });
    for (let port = 5_000; port < 7_000; port++) wire.say(telling({ port }));
    expect(book.size).toBe(64);
    for (let index = 0; index < 8_000; index++) {
      const address = `127.3.5.${index % 250}`;
      wire.say(telling({ address, port: 5_000 + index }), { address });
    }
    expect(book.size).toBeGreaterThan(500);
    expect(book.size).toBeLessThanOrEqual(16 * 64);
  });

  it('counts what is not a packet, and warns once of what fails', async () => {
    const { wire, plugin, warnings } = await start();
    wire.events.onMalformed();
    wire.events.onFailure(new Error('EADDRINUSE'));
    wire.events.onFailure(new Error('EADDRINUSE'));
    expect(plugin.counts).toMatchObject({ malformed: 1, failed: 2 });
    expect(warnings).toEqual(['multicast DNS does not work here']);
  });

  it('is a warning where it cannot be opened, and the node goes on', async () => {
    const open = (): never => {
      throw new Error('no network');
    };
    const { node, warnings } = await start({ open });
    expect(warnings).toHaveLength(1);
    expect(node.listening).toHaveLength(1);
  });

  it.each([
    { service: 'pea2pea' },
    { service: '_a-name-that-is-too-long._tcp' },
    { service: '_123._tcp' },
    { identity: 'a b' },
    { interface: 'eth0' },
    { queryEveryMs: 10 },
    { port: 0 },
    { other: 1 },
  ])('refuses %j', async (options) => {
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => start(options));
  });
});

describe('multicast DNS over sockets', () => {
  /** Whether a datagram to the group comes back on loopback; a line says so where it does not. */
  async function hasMulticast(port: number): Promise<boolean> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    try {
      let came = false;
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind(port, '0.0.0.0', resolve);
      });
      socket.addMembership('224.0.0.251', '127.0.0.1');
      socket.setMulticastInterface('127.0.0.1');
      socket.setMulticastLoopback(true);
      socket.on('message', () => (came = true));
      socket.send('hello', port, '224.0.0.251');
      await until('the datagram comes back', () => came, 2_000);
      return true;
    } catch (error) {
      console.warn(`skipped: no multicast on loopback here (${(error as Error).message})`);
      return false;
    } finally {
      socket.close();
    }
  }

  it('brings two nodes of a network together, with their identities, and a node that came later', async () => {
    expect(Object.keys(networkInterfaces())).not.toEqual([]);
    const port = 20_000 + (process.pid % 20_000);
    if (!(await hasMulticast(port))) return;
    const join = async (identity: string) => {
      const node = new PeerNode<unknown>({ codec: json() })
        .use(addressBook())
        .use(mdns({ identity, interface: '127.0.0.1', port, queryEveryMs: 1_000 }));
      nodes.push(node);
      const address = await node.listen({ host: '127.0.0.1', port: 0 });
      return { book: node.plugin(addressBook).book, text: `${identity}@${address}`, node };
    };
    const both = [await join('aa'), await join('bb')] as const;
    const knows = (one: (typeof both)[0], other: (typeof both)[0]): boolean =>
      one.book.get(other.text) !== undefined;
    await until('both know each other', () => knows(both[0], both[1]) && knows(both[1], both[0]), 20_000);
    const late = await join('cc');
    await until('all know all', () => both.every((one) => knows(one, late) && knows(late, one)), 20_000);
    expect(late.node.plugin(mdns).counts).toMatchObject({ learned: 2, malformed: 0, failed: 0, foreign: 0 });
  }, 60_000);
});
