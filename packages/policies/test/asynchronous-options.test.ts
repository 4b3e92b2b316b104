import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode, type LogFields, type Logger, type PluginUse } from '@pea2pea/core';
import { bans, reconnect, uniquePeer } from '@pea2pea/policies';
import { soon, textCodec, until } from '@pea2pea/testing';

// Options that are functions decide at once. In JavaScript they may be asynchronous nevertheless: a promise would be taken
// for true, or for a string, and nobody would hear that it rejects.

const ANYWHERE = { host: '127.0.0.1', port: 0 };
const refuses = (): never => Promise.reject(new Error('not now')) as never;

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', onUnhandled);
});
afterEach(() => {
  process.off('unhandledRejection', onUnhandled);
});

/** A node with `plugin` that one stranger has connected to, and another has that it dialled. */
async function host(plugin: PluginUse, onHandshake?: () => void) {
  const transport = memoryTransport();
  const errors: LogFields[] = [];
  const logger: Logger = {
    debug() {},
    info() {},
    warn() {},
    error: (fields) => void errors.push(fields),
    child: () => logger,
  };
  const node = new PeerNode({ codec: textCodec(), transport, logger })
    .use(plugin)
    .use({ ...(onHandshake !== undefined && { onHandshake }) });
  const peer = new PeerNode({ codec: textCodec(), transport, logger: { ...logger, error() {} } });
  return {
    node,
    peer,
    errors,
    told: (option: string) =>
      errors.some(
        ({ err }) =>
          (err as Error | undefined)?.message.includes(`\`${option}\` must return at once`) === true,
      ),
    address: await node.listen(ANYWHERE),
    async [Symbol.asyncDispose]() {
      await Promise.all([node.close(), peer.close()]);
    },
  };
}

describe('an option that is asynchronous, and rejects', () => {
  it('strikesFor, counts no strike, and one error tells of it', async () => {
    await using two = await host(bans({ strikes: 1, strikesFor: refuses }));
    const connection = await two.peer.connect(two.address);
    await connection.disconnect();
    await until('the error', () => two.told('strikesFor'));
    expect([two.node.plugin(bans).list(), unhandled]).toEqual([[], []]);
  });

  it('strikesForHandshake, counts no strike, and one error tells of it', async () => {
    const plugin = bans({ strikes: 1, strikesForHandshake: refuses });
    await using two = await host(plugin, () => {
      throw new Error('no');
    });
    two.peer.connect(two.address).catch(() => {});
    await until('the error', () => two.told('strikesForHandshake'));
    expect([two.node.plugin(bans).list(), unhandled]).toEqual([[], []]);
  });

  it.each(['identity', 'localIdentity'] as const)('%s of uniquePeer, ends the connection', async (option) => {
    const plugin = uniquePeer({ identity: () => 'b', localIdentity: 'a', [option]: refuses });
    await using two = await host(plugin);
    const connection = await two.peer.connect(two.address);
    await soon('the end', connection.closed);
    await until('the error', () => two.told(option));
    expect(unhandled).toEqual([]);
  });

  it('shouldReconnect, is logged, and the rule of reconnect decides', async () => {
    const plugin = reconnect({
      addresses: ['10.9.9.9:1'],
      minDelayMs: 1,
      maxAttempts: 2,
      shouldReconnect: refuses,
    });
    await using two = await host(plugin);
    await until('two attempts', () => two.node.heuristics.connectFailures === 2);
    expect([two.told('shouldReconnect'), unhandled]).toEqual([true, []]);
  });
});

it('uniquePeer compares no identity that is not a string', async () => {
  const plugin = uniquePeer({ identity: () => 'b', localIdentity: (() => 7) as never });
  await using two = await host(plugin);
  const connection = await two.peer.connect(two.address);
  await soon('the end', connection.closed);
  expect(two.errors[0]?.err).toMatchObject({
    code: 'P2P_ERR_INVALID_CONFIG',
    message: expect.stringContaining('`localIdentity` must return a string or undefined, not 7'),
  });
});

describe('why somebody is banned', () => {
  it.each<[what: string, why: unknown, kept: string]>([
    ['a symbol', Symbol('spam'), 'Symbol(spam)'],
    ['an error', new Error('spam'), 'spam'],
    ['what a peer sent', 'a\nb', 'a\\nb'],
    ['a lot', 'x'.repeat(1_000), `${'x'.repeat(300)}…`],
  ])('may be %s', async (_what, why, kept) => {
    await using two = await host(bans({ strikes: 1 }));
    await two.peer.connect(two.address);
    await until('the connection', () => two.node.connections.size === 1);
    const plugin = two.node.plugin(bans);
    expect(plugin.ban('127.0.0.1', { why: why as string })).toBe(1);
    expect(plugin.list()).toMatchObject([{ why: kept }]);
    expect(plugin.strike('10.0.0.1', why as string)).toBe(true);
    expect(plugin.list()).toMatchObject([{}, { why: kept }]);
  });
});
