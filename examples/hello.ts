/**
 * Two annotated peers in one process talk over real TCP: they check each other's magic bytes, exchange a few
 * lines of JSON, and say goodbye. A third one has the wrong magic and is refused.
 */
import {
  describeReason,
  PeerError,
  type Connection,
  type DisconnectReason,
  type Handshake,
} from '@pea2pea/core';
import { json, lengthDelimited } from '@pea2pea/codecs';
import { createPeer, OnConnect, OnDisconnect, OnHandshake, OnMessage, Peer } from '@pea2pea/decorators';
import { Container, injectable } from 'inversify';

/** What is said. */
interface Line {
  readonly from: string;
  readonly text: string;
}

/** JSON behind a length of four bytes; nobody may declare more than 64 KiB. */
const chat = json<Line>(lengthDelimited({ maxFrameLength: 64 * 1024 }));

/** A service that the peers share. */
@injectable('Singleton')
class Transcript {
  write(who: string, what: string): void {
    console.log(`${who.padEnd(7)} ${what}`);
  }
}

/** Four bytes that both sides must know. Who dialled says them first. */
async function exchangeMagic(handshake: Handshake, magic: string): Promise<void> {
  if (handshake.direction === 'outbound') await handshake.write(magic);
  const heard = String(await handshake.read(4));
  if (heard !== magic) handshake.reject(`expected the magic bytes ${magic}, heard ${heard}`);
  if (handshake.direction === 'inbound') await handshake.write(magic);
}

@Peer({ codec: chat, listen: { host: '127.0.0.1', port: 0 } })
class Bob {
  constructor(private readonly transcript: Transcript) {}

  @OnHandshake()
  async greet(handshake: Handshake): Promise<void> {
    try {
      await exchangeMagic(handshake, 'PEA2');
    } catch (error) {
      this.transcript.write('bob', `refuses a peer: ${(error as PeerError).message}`);
      throw error;
    }
  }

  @OnMessage(chat)
  async onLine(line: Line, connection: Connection<Line>): Promise<void> {
    this.transcript.write(line.from, line.text);
    const text = line.text === 'bye' ? 'bye, alice' : `you said ${JSON.stringify(line.text)}`;
    await connection.send({ from: 'bob', text });
  }

  @OnDisconnect()
  onGone(_connection: Connection<Line>, reason: DisconnectReason): void {
    this.transcript.write('bob', `sees alice leave, reason: ${describeReason(reason)}`);
  }
}

@Peer({ codec: chat })
class Alice {
  readonly #lines = ['hello', 'how are you?', 'bye'];

  constructor(private readonly transcript: Transcript) {}

  @OnHandshake()
  greet(handshake: Handshake): Promise<void> {
    return exchangeMagic(handshake, 'PEA2');
  }

  @OnConnect()
  onConnect(connection: Connection<Line>): void {
    this.transcript.write('alice', `is connected with bob, ${connection.direction}`);
    this.#say(connection);
  }

  @OnMessage(chat)
  async onLine(line: Line, connection: Connection<Line>): Promise<void> {
    this.transcript.write(line.from, line.text);
    if (this.#lines.length > 0) this.#say(connection);
    else await connection.disconnect('all is said');
  }

  @OnDisconnect()
  onGone(_connection: Connection<Line>, reason: DisconnectReason): void {
    this.transcript.write('alice', `is disconnected, reason: ${describeReason(reason)}`);
  }

  #say(connection: Connection<Line>): void {
    connection.trySend({ from: 'alice', text: this.#lines.shift()! });
  }
}

@Peer({ codec: chat })
class Mallory {
  @OnHandshake()
  greet(handshake: Handshake): Promise<void> {
    return exchangeMagic(handshake, 'EVIL');
  }
}

const container = new Container();
container.bind(Transcript).toSelf();
const transcript = container.get(Transcript);

const bob = await createPeer(Bob, { container });
const alice = await createPeer(Alice, { container });
const mallory = await createPeer(Mallory, { container });
transcript.write('bob', 'listens');

const connection = await alice.node.connect(bob.address!);
await connection.closed;

try {
  await mallory.node.connect(bob.address!);
} catch (error) {
  if (!PeerError.is(error)) throw error;
  transcript.write('mallory', `is not connected: ${error.code}`);
}

await Promise.all([alice.close(), mallory.close(), bob.close()]);
transcript.write('all', 'closed');
