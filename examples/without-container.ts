/**
 * Plugins on bare nodes: a dictionary that bans peers that send nonsense, and a reader who stays connected and asks. No decorators,
 * no container, and neither needs to be installed.
 *
 *   npm run example without-container
 */
import { once } from 'node:events';
import { json, lines } from '@pea2pea/codecs';
import { memoryTransport, PeerNode, type Connection } from '@pea2pea/core';
import { bans, rateLimit, reconnect } from '@pea2pea/policies';
import { method, RequestError, requests } from '@pea2pea/rpc';

/** The method, as both sides know it. */
const define = method<{ word: string }, string>('define');

const WORDS = new Map([
  ['peer', 'one of equal standing'],
  ['node', 'a point at which lines meet'],
]);

const codec = json(lines());
const transport = memoryTransport();

// Listed in the order in which their hooks run; `bans` says itself that it comes before `rateLimit`.
await using dictionary = new PeerNode({ codec, transport })
  .use(bans({ strikes: 2 }))
  .use(rateLimit()) // who sends too much is slowed down
  .use(requests());

dictionary.plugin(requests).serve(define, ({ word }) => {
  const meaning = WORDS.get(word);
  if (meaning === undefined) throw new RequestError(404, `no such word`);
  return meaning;
});
const address = await dictionary.listen({ host: '10.0.0.1', port: 4000 });

// A reader

await using reader = new PeerNode<unknown>({ codec, transport })
  .use(reconnect({ addresses: [address] }))
  .use(requests({ timeoutMs: 1_000 }));
const connected = new Promise<Connection<unknown>>((resolve) => reader.use({ onConnect: resolve }));
await reader.start(); // it does not listen
const connection = await connected;

const { define: lookUp } = reader.plugin(requests).client(connection, { define });
console.log('peer:', await lookUp({ word: 'peer' }));
try {
  await lookUp({ word: 'pear' });
} catch (error) {
  if (RequestError.is(error)) console.log('pear:', error.rpcCode, error.rpcMessage);
}

// Somebody who sends nonsense

const banned = once(dictionary.plugin(bans).events, 'banned');
await using vandal = new PeerNode({ codec: lines(), transport, connectTimeoutMs: 1_000 });
for (const _attempt of [1, 2]) {
  const visit = await vandal.connect(address, { localAddress: '10.0.0.66' });
  visit.trySend('this is not JSON');
  await visit.closed;
}
const [{ prefix, why }] = (await banned) as [{ prefix: string; why: string }];
console.log(`${prefix} is banned: ${why}`);
const again = await vandal.connect(address, { localAddress: '10.0.0.66' });
await again.closed;
console.log('refused since then:', dictionary.plugin(bans).refused);

console.log('node:', await lookUp({ word: 'node' }));
