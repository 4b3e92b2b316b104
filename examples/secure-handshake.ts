/**
 * Who may come in: both sides prove that they know a secret, and neither ever says it. Each makes up a number, and the
 * other answers with an HMAC over it. It does not encrypt, and does not protect what follows: who sits on the line
 * reads it, and may change it. For that there is TLS (`npm run example tls`).
 *
 *   npm run example secure-handshake
 *
 *   header     'PEA2' version(1) nonce(32)      both sides, at once
 *   proof      HMAC-SHA256(secret, label | dialler's header | listener's header)      the dialler's first
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { lines } from '@pea2pea/codecs';
import { PeerError, type Connection, type Handshake } from '@pea2pea/core';
import {
  configured,
  createPeer,
  OnHandshake,
  OnMessage,
  Peer,
  Plugin,
  PluginOptions,
} from '@pea2pea/decorators';

const print = (who: string, text: string): void => console.log(`${who.padEnd(8)} ${text}`);

const MAGIC = Buffer.from('PEA2\x01');
const NONCE_LENGTH = 32;
const HEADER_LENGTH = MAGIC.length + NONCE_LENGTH;
const PROOF_LENGTH = 32;
/** What each side proves. They differ, or a dialler could answer with the very proof that he was sent. */
const LABEL = { outbound: 'pea2pea example, dialler', inbound: 'pea2pea example, listener' } as const;

interface Options {
  /** At least 32 random bytes. A password that people make up can be guessed by whoever saw one handshake. */
  readonly secret: Buffer;
}

@Plugin({ inject: [PluginOptions] })
class SharedSecret {
  readonly #secret: Buffer;

  constructor({ secret }: Options) {
    this.#secret = secret;
  }

  @OnHandshake()
  async prove(handshake: Handshake): Promise<void> {
    const dials = handshake.direction === 'outbound';
    // A nonce is never used twice, so no proof is good for a second handshake.
    const mine = Buffer.concat([MAGIC, randomBytes(NONCE_LENGTH)]);
    await handshake.write(mine);
    const theirs = await handshake.read(HEADER_LENGTH);
    if (!theirs.subarray(0, MAGIC.length).equals(MAGIC)) handshake.reject('it speaks something else');
    if (theirs.equals(mine)) handshake.reject('it sends our own header back');
    // Over both headers, in one order: a proof belongs to this handshake, and to one side of it.
    const headers = dials ? [mine, theirs] : [theirs, mine];
    const proofOf = (side: keyof typeof LABEL): Buffer =>
      [Buffer.from(LABEL[side]), ...headers]
        .reduce((hmac, part) => hmac.update(part), createHmac('sha256', this.#secret))
        .digest();

    // The listener says nothing that depends on the secret before the dialler has proved to know it.
    if (dials) await handshake.write(proofOf('outbound'));
    const proof = await handshake.read(PROOF_LENGTH);
    // Comparing byte by byte would tell, by the time it takes, how many of them are right.
    if (!timingSafeEqual(proof, proofOf(dials ? 'inbound' : 'outbound'))) {
      handshake.reject('it does not know the secret');
    }
    if (!dials) await handshake.write(proofOf('inbound'));
  }
}

@Peer({ codec: lines() })
class Member {
  @OnMessage()
  async onLine(line: string, connection: Connection<string>): Promise<void> {
    print(connection.direction === 'inbound' ? 'bob' : 'alice', `hears "${line}"`);
    if (line === 'knock knock') await connection.send('come in');
    else await connection.disconnect();
  }
}

const member = (secret: Buffer) => createPeer(Member, { plugins: [configured(SharedSecret, { secret })] });

const secret = randomBytes(32);
const bob = await member(secret);
const address = await bob.node.listen({ host: '127.0.0.1', port: 0 });

// Eve sits on the line between the two, and writes down what alice says.
const recording: Buffer[] = [];
const eve = createServer((fromAlice) => {
  const toBob = createConnection(address.port, address.host);
  fromAlice.on('data', (chunk) => recording.push(chunk)).pipe(toBob);
  toBob.pipe(fromAlice);
});
await once(eve.listen(0, '127.0.0.1'), 'listening');

const alice = await member(secret);
const connection = await alice.node.connect({ host: '127.0.0.1', port: (eve.address() as AddressInfo).port });
print('alice', 'is connected: both know the secret');
await connection.send('knock knock');
await connection.closed;
eve.close();

const said = Buffer.concat(recording);
print('eve', `could read what alice said: ${String(said.subarray(-12)).trim()}`);
const replay = createConnection(address.port, address.host, () => replay.write(said));
let heardLength = 0;
replay.on('data', (chunk) => (heardLength += chunk.length)).on('error', () => {});
await once(replay, 'close');
print('eve', `says the same again: ${heardLength <= HEADER_LENGTH ? 'refused' : 'let in'}`);

const mallory = await member(randomBytes(32));
const error = await mallory.node.connect(address).catch((thrown: unknown) => thrown);
print('mallory', `guesses a secret: ${PeerError.is(error) ? error.code : 'let in'}`);

print('bob', `refused ${bob.node.heuristics.handshakeFailures} handshakes`);
await Promise.all([bob, alice, mallory].map((peer) => peer.close()));
print('all', 'closed');
