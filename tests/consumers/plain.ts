// A program of somebody who has no container: plugins on bare nodes. scripts/rehearse-publishing.mjs installs the
// packages by name, without Inversify, and runs it.
import { once } from 'node:events';
import { lines } from '@pea2pea/codecs';
import { PeerNode, type Connection } from '@pea2pea/core';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { bans, rateLimit } from '@pea2pea/policies';

const pattern = 'Noise_XX_25519_AESGCM_SHA256';
const [bobsKey, alicesKey] = [generateKeyPair(), generateKeyPair()];
const identityOf = ({ publicKey }: { readonly publicKey: Buffer }): string => publicKey.toString('hex');

await using bob = new PeerNode({ codec: lines({ maxLength: 100 }) })
  .use(bans({ strikes: 1 }))
  .use(rateLimit())
  .use(
    noise({ pattern, staticKey: bobsKey, authorize: ({ identity }) => identity === identityOf(alicesKey) }),
  )
  .use({
    onMessage(line: string, connection: Connection<string>) {
      const known = connection.identity === identityOf(alicesKey);
      if (line.startsWith('hello')) console.log(`${known ? 'alice' : 'a stranger'} says ${line}`);
    },
  });

await using alice = new PeerNode({ codec: lines() }).use(
  noise({ pattern, staticKey: alicesKey, authorize: ({ identity }) => identity === identityOf(bobsKey) }),
);

const connection = await alice.connect(await bob.listen({ host: '127.0.0.1', port: 0 }));
await connection.send('hello in secret');
const banned = once(bob.plugin(bans).events, 'banned');
connection.trySend('!'.repeat(1_000)); // longer than is allowed there
const [{ prefix }] = (await banned) as [{ prefix: unknown }];
console.log(`banned: ${String(prefix)}`);
await connection.closed;
