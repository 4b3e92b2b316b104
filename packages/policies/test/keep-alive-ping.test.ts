import { describe, expect, it } from '@jest/globals';
import { json, lines } from '@pea2pea/codecs';
import { memoryTransport, PeerNode, type Connection } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { jsonRpcPings, keepAlive, type KeepAliveOptions } from '@pea2pea/policies';
import { ANYWHERE, lab, peerErrorOf, turn, until } from '@pea2pea/testing';

const { own } = lab();

const SECOND = 1_000;

/** A node with the plugin, and a peer that knows nothing of pings: `asked` has their nonces. */
async function world(options: KeepAliveOptions = {}, halfOpen = false) {
  const clock = new ControlledClock();
  const config = { codec: json(lines()), transport: memoryTransport(), clock, idleTimeoutMs: 0, halfOpen };
  const asked: number[] = [];
  const node = own(new PeerNode<unknown>(config))
    .use(keepAlive(options))
    .use({ onMessage: () => undefined });
  const peer = own(new PeerNode<unknown>(config)).use({
    onMessage: (message) => void asked.push((message as { $ping: number }).$ping),
  });
  const here = await node.connect(await peer.listen(ANYWHERE));
  await until(() => peer.connections.size === 1);
  const there: Connection = [...peer.connections][0]!;
  const pass = async (ms: number, isBusy = false): Promise<void> => {
    for (let left = ms; left > 0; left -= SECOND) {
      if (isBusy) there.trySend('busy');
      await turn(4);
      clock.advance(Math.min(left, SECOND));
      await turn(12);
    }
  };
  return { plugin: node.plugin(keepAlive), clock, asked, here, there, pass };
}

describe('ping() to a peer that sends, but no pong', () => {
  it('is refused where the connection is one of another node', async () => {
    const { plugin, there } = await world();
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => plugin.ping(there));
    expect(error.message).toContain('is not a connection of');
  });

  it('rejects after timeoutMs, and the connection stays', async () => {
    const { plugin, here, pass } = await world();
    let settled = 0;
    const both = [plugin.ping(here), plugin.ping(here)];
    for (const one of both) one.catch(() => settled++);
    await pass(9 * SECOND, true);
    expect(settled).toBe(0);
    await pass(2 * SECOND, true);
    expect(settled).toBe(2);
    await peerErrorOf('P2P_ERR_PEER_UNRESPONSIVE', () => both[0]);
    expect([here.state, plugin.unresponsive, plugin.pingsSent]).toEqual(['open', 0, 1]);
  });

  it('sends another ping the next time, which is measured', async () => {
    const { plugin, clock, asked, here, there, pass } = await world();
    const lost = plugin.ping(here);
    lost.catch(() => undefined);
    await pass(11 * SECOND, true);
    const next = plugin.ping(here);
    await until(() => asked.length === 2);
    clock.advance(40);
    for (const nonce of asked) there.trySend({ $pong: nonce });
    expect(await next).toBe(40);
  });

  it('sends one of its own, where one for silence had no pong for timeoutMs', async () => {
    const { plugin, asked, here, there, pass } = await world();
    await pass(21 * SECOND);
    expect(asked).toHaveLength(1);
    await pass(15 * SECOND, true);
    const reply = plugin.ping(here);
    await until(() => asked.length === 2);
    there.trySend({ $pong: asked[1]! });
    expect(await reply).toBe(0);
  });

  it('settles in every case of a loop that is quicker than the peer allows', async () => {
    const config = { codec: json(lines()), transport: memoryTransport(), clock: new ControlledClock() };
    const make = () =>
      own(new PeerNode<unknown>(config))
        .use(keepAlive())
        .use({ onMessage: () => undefined });
    const [node, peer] = [make(), make()];
    const here = await node.connect(await peer.listen(ANYWHERE));
    const plugin = node.plugin(keepAlive);
    for (let round = 0; round < 20; round++) expect(await plugin.ping(here)).toBe(0);
    let isRefused = false;
    plugin.ping(here).catch(() => (isRefused = true));
    for (let second = 0; second < 12; second++) {
      [...peer.connections][0]!.trySend('busy');
      await turn(4);
      config.clock.advance(SECOND);
      await turn(12);
    }
    expect([isRefused, here.state]).toEqual([true, 'open']);
    expect(await plugin.ping(here)).toBe(0);
  });

  it('has its time again when this process stood still', async () => {
    const { plugin, clock, asked, here, there } = await world();
    const reply = plugin.ping(here);
    await until(() => asked.length === 1);
    clock.advance(60 * SECOND);
    await turn(12);
    there.trySend({ $pong: asked[0]! });
    expect(await reply).toBe(60 * SECOND);
  });
});

it('a round trip of more than intervalMs is measured, though pings go on', async () => {
  const { plugin, asked, here, there, pass } = await world({
    intervalMs: 2 * SECOND,
    timeoutMs: 20 * SECOND,
  });
  await pass(8 * SECOND);
  expect(asked.length).toBeGreaterThan(2);
  there.trySend({ $pong: asked[0]! });
  await turn(12);
  expect(plugin.roundTripOf(here)?.samples).toBe(1);
  expect(plugin.roundTripOf(here)?.lastMs).toBeGreaterThan(4 * SECOND);
});

describe('jsonRpcPings', () => {
  const ping = { jsonrpc: '2.0', id: 7, method: 'ping' };
  it.each<[unknown, unknown]>([
    [{ ...ping, params: {} }, { ping: 7 }],
    [{ ...ping, params: [1] }, undefined],
    [{ ...ping, params: { to: 'host-a' } }, undefined],
    [{ ...ping, params: null }, undefined],
    [{ ...ping, jsonrpc: '1.0' }, undefined],
    [{ id: 7, method: 'ping' }, undefined],
    [{ jsonrpc: '2.0', id: 'ping-host-a', result: null }, undefined],
    [{ jsonrpc: '2.0', id: 'ping-', result: null }, undefined],
    [{ id: 'ping-7', result: null }, undefined],
  ])('leaves %j to the handlers, unless it is a sign of life: %j', (message, sign) => {
    expect(jsonRpcPings.read(message)).toEqual(sign);
  });
});

describe('a connection of which a half has ended', () => {
  it('is sent no pings, and ping() says why', async () => {
    const { plugin, here, there, asked, pass } = await world({}, true);
    const waiting = plugin.ping(here);
    await until(() => asked.length === 1);
    await there.end();
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => waiting);
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => plugin.ping(here));
    await pass(200 * SECOND);
    expect([here.state, asked.length, plugin.unresponsive]).toEqual(['open', 1, 0]);
    await here.end();
    await here.closed;
  });

  it('is kept by a peer that goes on after our end', async () => {
    const { plugin, here, there, asked, pass } = await world({}, true);
    const waiting = plugin.ping(here);
    await here.end();
    await peerErrorOf('P2P_ERR_SENT_AFTER_END', () => plugin.ping(here));
    waiting.catch(() => undefined);
    await pass(200 * SECOND);
    await peerErrorOf('P2P_ERR_PEER_UNRESPONSIVE', () => waiting);
    expect([here.state, asked.length, plugin.unresponsive]).toEqual(['open', 1, 0]);
    await there.end();
    await here.closed;
  });
});
