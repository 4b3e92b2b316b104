import { describe, expect, it } from '@jest/globals';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { lines } from '@pea2pea/codecs';
import { PeerNode, type ListenDiagnostic, type ListenOptions } from '@pea2pea/core';
import { snapshot } from '@pea2pea/observe';
import { createPeer, OnStart, Peer } from '@pea2pea/decorators';
import { ANYWHERE, inMemory, join, lab, silentLogger, until } from '@pea2pea/testing';

const { makeNode, own } = lab();

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a node that listens at several places', () => {
  it('takes peers at each of them, and each is in the snapshot, on the channel and in the log', async () => {
    const seen: string[] = [];
    const onListen = (event: unknown): void => void seen.push(`${(event as ListenDiagnostic).address}`);
    subscribe('pea2pea:listen', onListen);
    const a = makeNode(
      {},
      { onMessage: (_line, connection) => void connection.trySend(`${connection.localAddress}`) },
    );
    const addresses = [
      await a.node.listen(ANYWHERE),
      await a.node.listen(ANYWHERE),
      await a.node.listen({ host: '127.0.0.2', port: 0 }),
    ];
    unsubscribe('pea2pea:listen', onListen);
    const texts = addresses.map(String);
    expect(new Set(texts).size).toBe(3);
    expect([a.node.address, a.node.listening]).toEqual([addresses[0], addresses]);
    expect(snapshot(a.node)).toMatchObject({ listening: texts });
    expect(seen).toEqual(texts);
    expect(a.log.filter(({ text }) => text === 'listening').map(({ fields }) => fields['address'])).toEqual(
      texts,
    );
    for (const address of addresses) {
      const b = makeNode();
      await (await b.node.connect(address)).send('where');
      await until('it was told', () => b.messages.length === 1);
      expect(b.messages).toEqual([address.toString()]);
    }
  });

  it('has the limits of one: what is taken at one place is missing at the others', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, maxConnections: 2, maxInbound: 2 });
    const places = [await a.node.listen(ANYWHERE), await a.node.listen(ANYWHERE)];
    await makeNode(network).node.connect(places[0]!);
    await makeNode(network).node.connect(places[1]!);
    await until('both are in', () => a.node.connections.size === 2);
    const late = await makeNode(network).node.connect(places[0]!);
    await late.closed;
    expect(a.node.heuristics).toMatchObject({ accepted: 3, refusedByLimit: 1, openedInbound: 2 });
  });

  it('stops at one of them, or everywhere; connections live on, and the others go on', async () => {
    const [a, b, c] = [makeNode(), makeNode(), makeNode()];
    const [first, second, third] = [
      await a.node.listen(ANYWHERE),
      await a.node.listen(ANYWHERE),
      await a.node.listen(ANYWHERE),
    ];
    const connection = await b.node.connect(first);
    expect(await a.node.stopListening(first)).toBe(true);
    expect(await a.node.stopListening(first)).toBe(false);
    expect(await a.node.stopListening('127.0.0.1:1')).toBe(false);
    expect(a.node.listening).toEqual([second, third]);
    expect(a.node.address).toEqual(second);
    expect(await errorOf(c.node.connect(first))).toMatchObject({ code: 'P2P_ERR_CONNECT_FAILED' });
    await c.node.connect(second);
    await connection.send('still here');
    await until('it came', () => a.messages.length === 1);
    expect(await a.node.stopListening()).toBe(true);
    expect([a.node.listening, a.node.address]).toEqual([[], undefined]);
    expect(await a.node.stopListening()).toBe(false);
    expect(await errorOf(a.node.stopListening('nonsense'))).toMatchObject({
      code: 'P2P_ERR_INVALID_ADDRESS',
    });
    expect(await a.node.listen(first)).toEqual(first);
  });

  it('keeps those in line that came to a place that it does not listen at any more, as long as it listens somewhere', async () => {
    const network = inMemory();
    const release: (() => void)[] = [];
    const a = makeNode(
      { ...network, maxConnecting: 1 },
      { onHandshake: () => new Promise<void>((resolve) => release.push(resolve)) },
    );
    const [first, second] = [await a.node.listen(ANYWHERE), await a.node.listen(ANYWHERE)];
    const [b, c] = [makeNode(network), makeNode(network)];
    await b.node.connect(first);
    await until('it is being set up', () => release.length === 1);
    const waiting = await c.node.connect(first);
    await a.node.stopListening(first);
    release[0]!();
    await until('it is its turn', () => release.length === 2);
    release[1]!();
    await until('both are in', () => a.node.connections.size === 2);
    expect(waiting.state).toBe('open');
    expect(a.node.listening).toEqual([second]);
  });

  it('refuses a second listener at one address, also while the first begins; elsewhere it listens', async () => {
    const a = makeNode({ ...inMemory(), listen: { host: '127.0.0.1', port: 0 } });
    const at = { host: '127.0.0.1', port: 7_000 };
    const refused = { code: 'P2P_ERR_ALREADY_LISTENING' };
    const [first, second] = [a.node.listen(at), a.node.listen(at)];
    expect(await errorOf(second)).toMatchObject(refused);
    await first;
    expect(await errorOf(a.node.listen(at))).toMatchObject(refused);
    await a.node.listen();
    expect(await errorOf(a.node.listen())).toMatchObject(refused); // the place of the configuration is one
    expect(a.node.listening).toHaveLength(2);
    await a.node.stopListening();
    await a.node.listen();
  });

  it('a start that fails leaves the others, and its address for another try', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const taken = await b.node.listen(ANYWHERE);
    const good = await a.node.listen(ANYWHERE);
    expect(await errorOf(a.node.listen(taken))).toMatchObject({ code: 'P2P_ERR_LISTEN_FAILED' });
    expect(a.node.listening).toEqual([good]);
    await b.node.stopListening();
    expect(await a.node.listen(taken)).toEqual(taken);
  });

  it('does not dial itself, at any of its places', async () => {
    const a = makeNode(inMemory());
    for (const address of [await a.node.listen(ANYWHERE), await a.node.listen({ path: '/run/a.sock' })]) {
      expect(await errorOf(a.node.connect(address))).toMatchObject({ code: 'P2P_ERR_SELF_CONNECT' });
    }
  });

  it('closes all of them, also those that begin', async () => {
    const a = makeNode();
    const addresses = [await a.node.listen(ANYWHERE), await a.node.listen(ANYWHERE)];
    const late = errorOf(a.node.listen(ANYWHERE));
    const { cut } = await a.node.close();
    expect([await late, cut]).toMatchObject([{ code: 'P2P_ERR_SHUTTING_DOWN' }, []]);
    expect(a.node.listening).toEqual([]);
    const b = makeNode();
    for (const address of addresses) {
      expect(await errorOf(b.node.connect(address))).toMatchObject({ code: 'P2P_ERR_CONNECT_FAILED' });
    }
  });

  it('that are asked for at once are all there when onStart runs', async () => {
    const counts: number[] = [];
    const a: PeerNode<string> = own(new PeerNode({ codec: lines(), logger: silentLogger })).use({
      onStart: () => void counts.push(a.listening.length),
    });
    await Promise.all([a.listen(ANYWHERE), a.listen({ host: 'localhost', port: 0 }), a.listen(ANYWHERE)]);
    expect(counts).toEqual([3]);
  });
});

describe('the options of listen()', () => {
  it.each<[string, unknown]>([
    ['a key that nobody knows', { hots: '127.0.0.1', port: 0 }],
    ['a path and a port', { path: '/run/a.sock', port: 0 }],
    ['a path and a host', { path: '/run/a.sock', host: '127.0.0.1' }],
    ['an array', [ANYWHERE]],
    ['null', null],
    ['an address as a string', '127.0.0.1:0'],
  ])('are refused where they make no sense: %s', async (_what, options) => {
    const { node } = makeNode(inMemory());
    expect(await errorOf(node.listen(options as ListenOptions))).toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
    });
    expect(node.state).toBe('idle');
  });

  it('mix with those of the configuration as far as they are of one kind', async () => {
    const atPath = makeNode({ ...inMemory(), listen: { path: '/run/a.sock' } });
    expect(`${await atPath.node.listen()}`).toBe('unix:/run/a.sock');
    expect(await errorOf(atPath.node.listen({ port: 80 }))).toMatchObject({
      code: 'P2P_ERR_NO_LISTEN_ADDRESS',
    });
    const atPort = makeNode({ ...inMemory(), listen: { host: '127.0.0.1', port: 80 } });
    expect(`${await atPort.node.listen({ path: '/run/a.sock' })}`).toBe('unix:/run/a.sock');
    expect(`${await atPort.node.listen({ port: 81 })}`).toBe('127.0.0.1:81');
  });

  it('close() knows its own, too', async () => {
    const { node } = makeNode(inMemory());
    expect(await errorOf(node.close({ timeout: 5 } as never))).toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
    });
    expect(node.state).toBe('idle');
  });
});

describe('a peer of a class', () => {
  it('listens at several places, in their order, before its @OnStart', async () => {
    const config = { ...inMemory(), logger: silentLogger };
    const counts: number[] = [];
    @Peer({ codec: lines(), inject: [PeerNode] })
    class Chat {
      readonly #node: PeerNode<string>;
      constructor(node: PeerNode<string>) {
        this.#node = node;
      }
      @OnStart()
      start() {
        counts.push(this.#node.listening.length);
      }
    }
    const listen = [{ path: '/run/chat.sock' }, ANYWHERE];
    const handle = own(await createPeer(Chat, { config, listen }));
    expect(handle.listening.map(({ host }) => host)).toEqual(['/run/chat.sock', '127.0.0.1']);
    expect(`${handle.address}`).toBe('unix:/run/chat.sock');
    expect(counts).toEqual([2]);
    const [one, two] = [makeNode(config), makeNode(config)];
    await one.node.connect({ path: '/run/chat.sock' });
    await two.node.connect(handle.listening[1]!);
    await until('both are in', () => handle.node.connections.size === 2);
    const none = own(await createPeer(Chat, { config, listen: [] }));
    expect(none.listening).toEqual([]);
  });

  it('is closed where one of its places cannot be had', async () => {
    const config = { ...inMemory(), logger: silentLogger };
    @Peer({ codec: lines() })
    class Chat {}
    own(await createPeer(Chat, { config, listen: { path: '/run/chat.sock' } }));
    const listen = [ANYWHERE, { path: '/run/chat.sock' }];
    expect(await errorOf(createPeer(Chat, { config, listen }))).toMatchObject({
      code: 'P2P_ERR_LISTEN_FAILED',
    });
    const [a, b] = [makeNode(config), makeNode(config)];
    await join(a, b);
  });
});
