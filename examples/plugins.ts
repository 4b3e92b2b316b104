/**
 * What the plugins do about peers that misbehave: `rateLimit` against one that floods, `bans` against one that sends
 * nonsense, `reconnect` for one that restarts, `uniquePeer` for two that dial each other at once.
 *
 *   npm run example plugins
 */
import { createPublicKey, generateKeyPairSync, randomBytes, sign, verify, type KeyObject } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { bytes, lines } from '@pea2pea/codecs';
import {
  contextKey,
  describeReason,
  memoryTransport,
  PeerError,
  PeerNode,
  type Connection,
  type DisconnectReason,
  type Handshake,
  type AnyConnection,
} from '@pea2pea/core';
import {
  configured,
  createPeer,
  OnConnect,
  OnDisconnect,
  OnHandshake,
  OnMessage,
  Peer,
  Plugin,
  PluginOptions,
} from '@pea2pea/decorators';
import {
  bans,
  Bans,
  rateLimit,
  RateLimit,
  reconnect,
  Reconnect,
  uniquePeer,
  UniquePeer,
} from '@pea2pea/policies';

const codec = lines();
const listen = { host: '127.0.0.1', port: 0 };

function print(who: string, what: string): void {
  console.log(`${who.padEnd(8)} ${what}`);
}

// A client that floods, and one that sends nonsense

/**
 * Ten lines at once, and one more each second; those beyond are dropped. Peers that send what is not a line, three times, are
 * banned for an hour.
 */
@Peer({
  codec,
  listen,
  plugins: [
    bans(),
    rateLimit({ perConnection: { messagesPerSecond: 1, burstSeconds: 10 }, whenExceeded: 'drop' }),
  ],
})
class Server {
  @OnMessage(codec)
  async echo(line: string, connection: Connection<string>): Promise<void> {
    await connection.send(line);
  }

  @OnDisconnect()
  gone({ address }: AnyConnection, reason: DisconnectReason): void {
    const code = 'error' in reason && PeerError.is(reason.error) ? reason.error.code : reason.origin;
    print('server', `ends the connection of ${address.host}: ${code}`);
  }
}

/** A network inside the process, where everybody may have an address of his own. */
const transport = memoryTransport();
const server = await createPeer(Server, { config: { transport } });
const banned = server.get(Bans);

let onEcho: (line: string) => void = () => {};
const guest = new PeerNode({ codec, transport }).use({ onMessage: (line) => onEcho(line) });
const visit = await guest.connect(server.address!, { localAddress: '198.51.100.1' });

const flooder = new PeerNode({ codec, transport });
const flood = await flooder.connect(server.address!, { localAddress: '192.0.2.66' });
for (let line = 0; line < 50; line++) flood.trySend(`buy now! ${line}`);
const limits = server.get(RateLimit);
while (limits.exceeded.connectionMessages < 40) await turn();
print('limits', `dropped: ${limits.exceeded.connectionMessages}, connection: ${flood.state}`);

const vandal = new PeerNode<Uint8Array>({ codec: bytes(), transport });
const localAddress = '203.0.113.7';
for (let attempt = 1; attempt <= 3; attempt++) {
  const connection = await vandal.connect(server.address!, { localAddress });
  connection.trySend(Uint8Array.of(0xff, 0x0a)); // not UTF-8
  await connection.closed;
  const verdict = banned.isBanned(localAddress) ? 'banned' : `strikes: ${banned.strikesOf(localAddress)}`;
  print('bans', `${localAddress} ${verdict}`);
}
const again = await vandal.connect(server.address!, { localAddress });
await again.closed;
print('bans', `refused so far: ${banned.refused}`);

const echo = new Promise<string>((resolve) => (onEcho = resolve));
await visit.send('is it quiet now?');
print('guest', `is answered: ${await echo}`);
await server.close();
await Promise.all([flooder.close(), vandal.close(), guest.close()]);

// A peer that restarts

@Peer({ codec, listen })
class Seed {}

@Peer({ codec })
class Follower {
  @OnConnect()
  met(): void {
    print('follower', 'is connected');
  }

  @OnDisconnect()
  lost(_connection: AnyConnection, reason: DisconnectReason): void {
    print('follower', `is disconnected, reason: ${describeReason(reason)}`);
  }
}

const seed = await createPeer(Seed);
const address = seed.address!;
const follower = await createPeer(Follower, {
  plugins: [reconnect({ addresses: [address], minDelayMs: 10, maxDelayMs: 100 })],
});
const isConnected = (): boolean => follower.get(Reconnect).status()[0]!.state === 'connected';
while (!isConnected()) await turn();
print('seed', 'restarts');
await seed.close();
while (isConnected()) await turn();
const restarted = await createPeer(Seed, { listen: address });
while (!isConnected()) await turn();
await follower.close();
await restarted.close();

// Two peers that dial each other

type KeyPair = ReturnType<typeof newKeys>;
const newKeys = () => generateKeyPairSync('ed25519');
const derOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });
const nameOf = (key: KeyObject): string => derOf(key).toString('base64');

/** Who the peer has proved to be. */
const IDENTITY = contextKey<string>('identity');
const HELLO_LENGTH = 44 + 32;
const SIGNATURE_LENGTH = 64;

/** Each side says its public key and a nonce, and signs what both have said. It does not encrypt anything. */
@Plugin({ inject: [PluginOptions] })
class SignedHello {
  constructor(private readonly keys: KeyPair) {}

  @OnHandshake()
  async prove(handshake: Handshake): Promise<void> {
    const mine = Buffer.concat([derOf(this.keys.publicKey), randomBytes(32)]);
    await handshake.write(mine);
    const theirs = await handshake.read(HELLO_LENGTH);
    await handshake.write(sign(null, Buffer.concat([mine, theirs]), this.keys.privateKey));
    const signature = await handshake.read(SIGNATURE_LENGTH);
    const key = createPublicKey({ key: theirs.subarray(0, 44), format: 'der', type: 'spki' });
    if (!verify(null, Buffer.concat([theirs, mine]), key, signature)) handshake.reject('a wrong signature');
    handshake.context.set(IDENTITY, nameOf(key));
  }
}

@Peer({ codec, listen })
class Friend {}

const friend = (keys: KeyPair) =>
  createPeer(Friend, {
    plugins: [
      configured(SignedHello, keys),
      uniquePeer({ identity: IDENTITY, localIdentity: nameOf(keys.publicKey) }),
    ],
  });

const [annsKeys, bobsKeys] = [newKeys(), newKeys()];
const [ann, bob] = await Promise.all([friend(annsKeys), friend(bobsKeys)]);

const dials = await Promise.all([ann.node.connect(bob.address!), bob.node.connect(ann.address!)]);
print('friends', `dialled each other, connections: ${dials.length}`);
await Promise.race(dials.map((connection) => connection.closed));
while (ann.node.connections.size > 1 || bob.node.connections.size > 1) await turn();
const annsEnd = ann.get(UniquePeer).get(nameOf(bobsKeys.publicKey))!;
const bobsEnd = bob.get(UniquePeer).get(nameOf(annsKeys.publicKey))!;
const ends = [annsEnd, bobsEnd].map(({ direction }) => direction).sort();
print('friends', `keep one: ${ends[0]} at one end, ${ends[1]} at the other`);
await Promise.all([ann.close(), bob.close()]);
print('all', 'closed');
