/**
 * The telephone game: players in a line whisper a sentence to each other, and each mishears a letter. Beside it the first
 * player publishes the same sentence, signed, by gossip: it passes through the same hands, and nobody can change it.
 *
 *   npm run example telephone -- --players 8 --seed 7
 */
import { generateKeyPairSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import { json } from '@pea2pea/codecs';
import { PeerNode, type Random } from '@pea2pea/core';
import { ed25519Signer, gossip } from '@pea2pea/network';
import { protocols, withProtocols } from '@pea2pea/streams';
import { seededRandom } from '@pea2pea/testing';

interface Whisper {
  readonly sentence: string;
}

const SENTENCE = 'the node across the wall has found a peer';

const { values } = parseArgs({
  options: { players: { type: 'string', default: '8' }, seed: { type: 'string', default: '7' } },
});
const [count, seed] = [Number(values.players), Number(values.seed)];
if (!Number.isInteger(count) || count < 2 || !Number.isInteger(seed)) {
  console.error('--players must be a whole number from 2 up, --seed a whole number');
  process.exit(2);
}
const random = seededRandom(seed);

/** Called when the last player has heard both. */
let hasHeard: () => void;
const end = new Promise<void>((resolve) => (hasHeard = resolve));
const aloud: string[] = [];

const players = Array.from({ length: count }, (_, index) => player(index));
for (const [index, { node }] of players.entries()) {
  const address = await node.listen({ host: '127.0.0.1', port: 0 });
  await players[index - 1]?.node.connect(address);
}

console.log(`player 1 whispers: ${SENTENCE}`);
players[0]!.whisper(SENTENCE);
players[0]!.news.publish({ sentence: SENTENCE });
await end;
for (const line of aloud.sort()) console.log(line);
await Promise.all(players.map(({ node }) => node.close()));

function player(index: number) {
  const signer = ed25519Signer(generateKeyPairSync('ed25519').privateKey);
  const node = new PeerNode({ codec: withProtocols(json<Whisper>()) })
    .use(protocols())
    .use(gossip({ signer }));
  const news = node.plugin(gossip).topic<Whisper>('news', { codec: json<Whisper>() });
  const isLast = index === count - 1;
  const tell = (line: string) => {
    aloud.push(line);
    if (aloud.length === 2) hasHeard();
  };

  /** To the next player in the line: the one that this node has dialled. */
  const whisper = (sentence: string) => {
    for (const connection of node.connections) {
      if (connection.direction === 'outbound') connection.trySend({ sentence });
    }
  };
  node.use({
    onMessage({ sentence }) {
      const understood = misheard(sentence, random);
      if (isLast) tell(`player ${count} has been whispered: ${understood}`);
      else whisper(understood);
    },
  });
  news.subscribe(({ sentence }, { origin }) => {
    const isFirst = origin === players[0]!.signer.identity;
    if (isLast) tell(`player ${count} has read, signed by player ${isFirst ? 1 : '?'}: ${sentence}`);
  });
  return { node, news, signer, whisper };
}

/** The sentence with another letter at some place. */
function misheard(sentence: string, random: Random): string {
  const at = Math.floor(random.next() * sentence.length);
  const letter = String.fromCharCode(97 + Math.floor(random.next() * 26));
  return sentence[at] === ' '
    ? misheard(sentence, random)
    : sentence.slice(0, at) + letter + sentence.slice(at + 1);
}
