import { readFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { json } from '@pea2pea/codecs';
import { PeerNode, SocketAddress } from '@pea2pea/core';
import { addressBook, connectionManager, peerExchange } from '@pea2pea/network';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { snapshot } from '@pea2pea/observe';
import { inspector } from '@pea2pea/observe/inspector';
import { capture } from '@pea2pea/observe/tap';
import { bans, keepAlive, rateLimit, reconnect, uniquePeer } from '@pea2pea/policies';
import { requests } from '@pea2pea/rpc';
import { protocols, withProtocols } from '@pea2pea/streams';
import { inMemory, lab, silentLogger } from '@pea2pea/testing';
import { tls } from '@pea2pea/tls';
import { authority } from '@pea2pea/testing/certificates';

const { own } = lab();

const SECRET = 'a secret of the address book';
const TOKEN = 'a-token-of-the-inspector';

/** A node with all plugins of ours that go together, on top of one of the secure channels. */
async function nodeWithAll(channel: 'noise' | 'tls') {
  const { key, cert } = await (await authority()).issue({ commonName: 'me' });
  const keys = generateKeyPair();
  const node = own(
    new PeerNode({
      codec: withProtocols(json()),
      ...inMemory(),
      logger: silentLogger,
      maxConnections: 20_000,
    }),
  )
    .use(inspector({ token: TOKEN }))
    .use(bans({ maxEntries: 10_000 }))
    .use(rateLimit({ maxAddresses: 10_000 }))
    .use(
      channel === 'tls'
        ? tls({ key, cert })
        : noise({ pattern: 'Noise_XX_25519_ChaChaPoly_SHA256', staticKey: keys }),
    )
    .use(protocols())
    .use(keepAlive())
    .use(uniquePeer({ identity: ({ identity }) => identity, localIdentity: 'me' }))
    .use(reconnect())
    .use(addressBook({ secret: SECRET }))
    .use(connectionManager())
    .use(peerExchange())
    .use(requests());
  return { node, secrets: [SECRET, TOKEN, 'PRIVATE KEY', keys.privateKey.toString('hex')] };
}

describe('the plugins of ours in a snapshot', () => {
  it.each(['noise', 'tls'] as const)('all have a state, and it has no secret, with %s', async (channel) => {
    const { node, secrets } = await nodeWithAll(channel);
    node.use(capture({ to: new PassThrough() }));
    const { plugins } = snapshot(node);
    expect(plugins).toHaveLength(13);
    for (const plugin of plugins) expect(plugin).toMatchObject({ error: null, state: expect.any(Object) });
    const text = JSON.stringify(plugins);
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(text).not.toContain('secret');
  });

  it('are those of the table in the docs', async () => {
    const docs = await readFile(new URL('../../../docs/observability.md', import.meta.url), 'utf8');
    const rows = docs
      .match(/^\| plugin \| shows \|\n(?:\|.*\n)+/m)![0]
      .split('\n')
      .slice(2, -1);
    const inDocs = rows.flatMap((row) =>
      [...row.split('|')[1]!.matchAll(/`(.+?)`/g)].map(([, name]) => name),
    );
    const [{ node }, { node: other }] = [await nodeWithAll('noise'), await nodeWithAll('tls')];
    node.use(capture({ to: new PassThrough() }));
    const names = [node, other].flatMap((one) => snapshot(one).plugins.map(({ name }) => name));
    expect(new Set(inDocs)).toEqual(new Set(names));
  });

  it('stay small, however much they hold', async () => {
    const { node } = await nodeWithAll('noise');
    for (let index = 0; index < 5_000; index++) {
      const host = `10.${index >> 8}.${index & 255}.1`;
      node.plugin(bans).ban(host, { why: 'x'.repeat(300) });
      node.plugin(bans).ban({ identity: `${index}`.padEnd(1_000, '-') }, { why: 'x'.repeat(300) });
      node.plugin(reconnect).add(new SocketAddress(host, 4000));
      node.plugin(addressBook).book.add(`${host}:4000`, { kind: 'configured' });
    }
    const { plugins } = snapshot(node);
    expect(JSON.stringify(plugins).length).toBeLessThan(300_000);
    expect(plugins.find(({ name }) => name === 'reconnect')).toMatchObject({ state: { addresses: 5_000 } });
  });
});
