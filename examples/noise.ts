/**
 * Two annotated peers talk over Noise_XX: everything is encrypted, and each knows the key of the other. They let in whom
 * they know; a stranger, who has a key as well, is refused by both sides that he tries.
 *
 *   npm run example noise
 */
import { lines } from '@pea2pea/codecs';
import { describeReason, PeerError, type Connection, type DisconnectReason } from '@pea2pea/core';
import { createPeer, OnConnect, OnDisconnect, OnMessage, Peer } from '@pea2pea/decorators';
import { generateKeyPair, noise, noiseSession, type NoiseKeyPair } from '@pea2pea/noise';

const codec = lines();

/** Keys are made here; in life each peer makes its own once, keeps it in a file, and tells others the public half. */
const keys = { alice: generateKeyPair(), bob: generateKeyPair(), mallory: generateKeyPair() };

/** Whom alice and bob know: public keys in hexadecimal, and names for them. */
const friends = new Map(
  [['alice', keys.alice] as const, ['bob', keys.bob] as const].map(([name, { publicKey }]) => [
    publicKey.toString('hex'),
    name,
  ]),
);

function print(who: string, what: string): void {
  console.log(`${who.padEnd(8)} ${what}`);
}

function nameOf(connection: Connection): string {
  return friends.get(connection.identity ?? '') ?? 'a stranger';
}

/** The secure channel of one peer. */
function secure(name: string, staticKey: NoiseKeyPair) {
  return noise({
    pattern: 'Noise_XX_25519_ChaChaPoly_SHA256',
    staticKey,
    prologue: Buffer.from('noise example, version 1'),
    authorize: ({ identity, direction }) => {
      if (name === 'mallory' || friends.has(identity)) return true;
      print(name, `refuses a stranger, ${direction}`);
      return false;
    },
  });
}

@Peer({ codec, listen: { host: '127.0.0.1', port: 0 }, plugins: [secure('bob', keys.bob)] })
class Bob {
  @OnConnect()
  onOpen(connection: Connection<string>): void {
    print('bob', `is connected with ${nameOf(connection)}`);
  }

  @OnMessage(codec)
  async onLine(line: string, connection: Connection<string>): Promise<void> {
    print('bob', `hears ${nameOf(connection)} say: ${line}`);
    await connection.send(`you said "${line}"`);
  }

  @OnDisconnect()
  onGone(connection: Connection<string>, reason: DisconnectReason): void {
    print('bob', `sees ${nameOf(connection)} leave, reason: ${describeReason(reason)}`);
  }
}

@Peer({ codec, plugins: [secure('alice', keys.alice)] })
class Alice {
  @OnMessage(codec)
  async onLine(line: string, connection: Connection<string>): Promise<void> {
    print('alice', `hears ${nameOf(connection)} say: ${line}`);
    await connection.disconnect('all is said');
  }
}

/** He has a key of his own and talks to anybody. */
@Peer({ codec, listen: { host: '127.0.0.1', port: 0 }, plugins: [secure('mallory', keys.mallory)] })
class Mallory {}

await using bob = await createPeer(Bob);
await using alice = await createPeer(Alice);
await using mallory = await createPeer(Mallory);

const connection = await alice.node.connect(bob.address!);
const { pattern, handshakeHash } = connection.context.get(noiseSession)!;
print('alice', `is connected with ${nameOf(connection)}: ${pattern}`);
print('alice', `has a handshake hash to bind other proofs to, of ${handshakeHash.length} bytes`);
await connection.send('nobody else can read this');
await connection.closed;

// Mallory dials bob. His handshake is complete before bob has read the end of it, and refused him.
const refused = await mallory.node.connect(bob.address!);
await refused.closed;
print('mallory', 'is disconnected');
// Alice dials mallory, and hangs up before he learns who she is.
try {
  await alice.node.connect(mallory.address!);
} catch (error) {
  print('alice', `is not connected: ${(error as PeerError).code}`);
}

for (const peer of [alice, mallory, bob]) await peer.close();
print('all', 'closed');
