/**
 * A login protocol, and what it remembers of each connection: `Login` asks who it is, `Talk` is for those who have
 * logged in, and both share an `Account` that belongs to their connection alone. Two users talk at once, a third does
 * not know the password.
 *
 *   npm run example sessions
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { json, lines, tagged, unchecked, type TaggedMessage } from '@pea2pea/codecs';
import {
  type Connection,
  describeReason,
  PeerNode,
  type DisconnectReason,
  type SocketAddress,
} from '@pea2pea/core';
import {
  createPeer,
  type PeerHandle,
  OnConnect,
  OnDisconnect,
  OnMessage,
  Peer,
  Session,
  SessionConnection,
} from '@pea2pea/decorators';
import { ContainerModule, injectable } from 'inversify';
import { z } from 'zod';

const members = {
  challenge: z.object({ nonce: z.string() }),
  /** What only who knows the password can make of the challenge: it does not travel itself. */
  login: z.object({ name: z.string().max(20), proof: z.string() }),
  welcome: z.object({ name: z.string() }),
  refused: z.object({ why: z.string() }),
  say: z.object({ text: z.string().max(500) }),
  said: z.object({ from: z.string(), text: z.string() }),
  ping: unchecked<object>(), // nothing stands beside the tag
  pong: unchecked<object>(),
};
const codec = tagged(members, { over: json(lines()) });
type Message = TaggedMessage<typeof members>;
type Only<Type extends Message['type']> = Extract<Message, { type: Type }>;

const proofOf = (password: string, nonce: string): string =>
  createHmac('sha256', password).update(nonce).digest('hex');

/** Who may log in. One for all connections; a real one would not keep passwords, but what SCRAM (RFC 5802) keeps. */
@injectable('Singleton')
class Users {
  readonly #passwords = new Map([
    ['alice', 'open sesame'],
    ['bob', 'swordfish'],
  ]);

  knows(name: string, proof: string, nonce: string): boolean {
    const password = this.#passwords.get(name);
    const expected = Buffer.from(proofOf(password ?? randomBytes(16).toString('hex'), nonce));
    const given = Buffer.from(proof);
    return given.length === expected.length && timingSafeEqual(given, expected) && password !== undefined;
  }
}

/** Bound in request scope: one for each connection, shared by its sessions. */
@injectable()
class Account {
  /** Undefined until the login. */
  name: string | undefined;
}

/** Who is connected. One for all connections: it cannot inject what belongs to one, so that is handed over. */
@injectable('Singleton')
class Lounge {
  readonly #accounts = new Map<Connection<Message>, Account>();

  get size(): number {
    return this.#accounts.size;
  }

  add(connection: Connection<Message>, account: Account): void {
    this.#accounts.set(connection, account);
  }

  remove(connection: Connection<Message>): void {
    this.#accounts.delete(connection);
  }

  /** Everybody else who has logged in hears it. */
  say(from: string, text: string): void {
    for (const [connection, { name }] of this.#accounts) {
      if (name !== undefined && name !== from) connection.trySend({ type: 'said', from, text });
    }
  }
}

type LoginState =
  | { readonly is: 'challenged'; readonly nonce: string; readonly attemptsLeft: number }
  | { readonly is: 'logged-in' };

@Session()
class Login {
  #state: LoginState = { is: 'logged-in' };

  constructor(
    private readonly account: Account,
    private readonly users: Users,
  ) {}

  @OnConnect()
  challenge(connection: Connection<Message>): void {
    const nonce = randomBytes(16).toString('hex');
    this.#state = { is: 'challenged', nonce, attemptsLeft: 3 };
    connection.trySend({ type: 'challenge', nonce });
  }

  @OnMessage(codec, 'login')
  async login({ name, proof }: Only<'login'>, connection: Connection<Message>): Promise<void> {
    if (this.#state.is === 'logged-in') {
      await connection.send({ type: 'refused', why: 'you are logged in' });
    } else if (this.users.knows(name, proof, this.#state.nonce)) {
      this.#state = { is: 'logged-in' };
      this.account.name = name;
      await connection.send({ type: 'welcome', name });
    } else {
      const attemptsLeft = this.#state.attemptsLeft - 1;
      this.#state = { ...this.#state, attemptsLeft };
      await connection.send({
        type: 'refused',
        why: `wrong name or password, attempts left: ${attemptsLeft}`,
      });
      if (attemptsLeft === 0) await connection.disconnect('too many wrong passwords');
    }
  }
}

@Session()
class Talk {
  #said = 0;

  constructor(
    private readonly account: Account,
    private readonly lounge: Lounge,
    private readonly connection: SessionConnection<Message>,
  ) {}

  @OnConnect()
  come(): void {
    this.lounge.add(this.connection, this.account);
  }

  @OnMessage(codec, 'say')
  async say({ text }: Only<'say'>): Promise<void> {
    const { name } = this.account;
    if (name === undefined) {
      await this.connection.send({ type: 'refused', why: 'log in first' });
    } else {
      this.#said++;
      this.lounge.say(name, text);
    }
  }

  /** Behind the last hook of the connection. */
  [Symbol.dispose](): void {
    print('server', `forgets ${this.account.name ?? 'a stranger'}, things said: ${this.#said}`);
    this.lounge.remove(this.connection);
  }
}

/** What needs no memory of the connection stays with the peer. */
@Peer({ codec, listen: { host: '127.0.0.1', port: 0 }, sessions: [Login, Talk] })
class Server {
  @OnMessage(codec, 'ping')
  async ping(_ping: Only<'ping'>, connection: Connection<Message>): Promise<void> {
    await connection.send({ type: 'pong' });
  }

  @OnDisconnect()
  gone(_connection: Connection<Message>, reason: DisconnectReason): void {
    print('server', `sees a connection end, reason: ${describeReason(reason)}`);
  }
}

/** The other end. What it hears waits until it is asked for: the transcript has the order of the calls below. */
@Peer({ codec })
class Client {
  readonly #inbox = new PassThrough({ objectMode: true });
  readonly #heard: AsyncIterator<Message, undefined> = this.#inbox[Symbol.asyncIterator]();
  #nonce = '';

  constructor(private readonly node: PeerNode<Message>) {}

  @OnMessage(codec)
  take(message: Message): void {
    this.#inbox.write(message);
  }

  @OnDisconnect()
  end(): void {
    this.#inbox.end();
  }

  async connect(address: SocketAddress): Promise<void> {
    await this.node.connect(address);
    await this.hears();
  }

  login(name: string, password: string): void {
    print(this.node.name, `logs in as ${name}, password ${password}`);
    this.node.broadcast({ type: 'login', name, proof: proofOf(password, this.#nonce) });
  }

  says(message: Only<'say' | 'ping'>): void {
    print(this.node.name, `says ${JSON.stringify(message)}`);
    this.node.broadcast(message);
  }

  async hears(): Promise<void> {
    const { done, value } = await this.#heard.next();
    if (done) return print(this.node.name, 'is disconnected');
    if (value.type === 'challenge') this.#nonce = value.nonce;
    print(this.node.name, `hears ${value.type === 'challenge' ? 'a challenge' : JSON.stringify(value)}`);
  }
}

function print(who: string, what: string): void {
  console.log(`${who.padEnd(7)} ${what}`);
}

/** Until the server has forgotten all connections but so many. */
async function forgotten(left: number): Promise<void> {
  while (lounge.size > left) await turn();
}

const server = await createPeer(Server, {
  bindings: new ContainerModule(({ bind }) => {
    bind(Users).toSelf();
    bind(Lounge).toSelf();
    bind(Account).toSelf().inRequestScope();
  }),
});
const lounge = server.get(Lounge);
const [alice, bob, mallory] = (await Promise.all(
  ['alice', 'bob', 'mallory'].map((name) => createPeer(Client, { config: { name } })),
)) as [PeerHandle<Client>, PeerHandle<Client>, PeerHandle<Client>];

for (const { peer } of [alice, bob, mallory]) await peer.connect(server.address!);

bob.peer.says({ type: 'say', text: 'anybody here?' });
await bob.peer.hears();
alice.peer.login('alice', 'open sesame');
bob.peer.login('bob', 'swordfish');
for (const { peer } of [alice, bob]) await peer.hears();

alice.peer.says({ type: 'say', text: 'hello bob' });
await bob.peer.hears();
bob.peer.says({ type: 'say', text: 'hello alice' });
await alice.peer.hears();
alice.peer.says({ type: 'ping' });
await alice.peer.hears();

for (const password of ['abracadabra', 'open seaweed']) {
  mallory.peer.login('alice', password);
  await mallory.peer.hears();
}
mallory.peer.login('alice', 'please');
await forgotten(2);
await mallory.peer.hears();
await mallory.peer.hears();

await alice.close();
await forgotten(1);
await bob.close();
await forgotten(0);
await Promise.all([mallory.close(), server.close()]);
print('all', 'closed');
