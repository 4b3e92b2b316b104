/**
 * A chat under standard (TC39) decorators: this folder has a tsconfig.json of its own, without `experimentalDecorators`.
 * What a constructor needs stands in `inject`; a plugin, a session, routes by tag, and what runs at the end.
 *
 *   npm run example standard-decorators
 */
import { json, tagged, type TaggedMessage } from '@pea2pea/codecs';
import { type Connection, PeerNode, type AcceptRequest, type SocketAddress } from '@pea2pea/core';
import {
  configured,
  createPeer,
  OnAccept,
  OnDisconnect,
  OnMessage,
  OnStart,
  Peer,
  Plugin,
  PluginOptions,
  Session,
  SessionConnection,
} from '@pea2pea/decorators';
import { ContainerModule, decorate, injectable, preDestroy } from 'inversify';
import { z } from 'zod';

const text = z.string().min(1).max(200);
const members = {
  join: z.object({ nick: text }),
  joined: z.object({ nick: text, others: z.array(text) }),
  say: z.object({ text }),
  said: z.object({ from: text, text }),
  left: z.object({ nick: text }),
};
const codec = tagged(members, { over: json() });
type Message = TaggedMessage<typeof members>;
type Only<Type extends Message['type']> = Extract<Message, { type: Type }>;

function print(who: string, what: string): void {
  console.log(`${who.padEnd(6)} ${what}`);
}

/** The second argument of a decorator tells the mode. */
function modeIsShown(_target: unknown, context?: ClassDecoratorContext): void {
  print('mode', context === undefined ? 'legacy' : 'standard');
}

/** Inversify's decorators of classes work in this mode. */
@injectable('Singleton')
class Room {
  readonly #guests = new Map<string, Connection<Message>>();

  get nicks(): string[] {
    return [...this.#guests.keys()];
  }

  enter(nick: string, connection: Connection<Message>): void {
    this.#guests.set(nick, connection);
  }

  leave(nick: string): void {
    this.#guests.delete(nick);
  }

  tellOthers(nick: string, message: Message): void {
    for (const [guest, connection] of this.#guests) {
      if (guest !== nick) connection.trySend(message);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    print('room', `is swept, guests left behind: ${this.#guests.size}`);
  }
}

interface CapacityOptions {
  readonly most: number;
}

/** Lets in so many, and no more. */
@Plugin({ inject: [PeerNode, PluginOptions] })
class Capacity {
  readonly #node: PeerNode<unknown>;
  readonly #options: CapacityOptions;

  constructor(node: PeerNode<unknown>, options: CapacityOptions) {
    this.#node = node;
    this.#options = options;
  }

  @OnAccept()
  hasRoom(_request: AcceptRequest): boolean {
    if (this.#node.connections.size < this.#options.most) return true;
    print('plugin', 'refuses a guest: the room is full');
    return false;
  }
}
const capacity = (options: CapacityOptions) => configured(Capacity, options);

/** One for each connection. */
@Session({ inject: [SessionConnection, Room] })
class Guest {
  readonly #connection: Connection<Message>;
  readonly #room: Room;
  #nick = '';

  constructor(connection: Connection<Message>, room: Room) {
    this.#connection = connection;
    this.#room = room;
  }

  @OnMessage(codec, 'join')
  async join({ nick }: Only<'join'>): Promise<void> {
    if (this.#nick !== '' || this.#room.nicks.includes(nick)) {
      await this.#connection.disconnect(`there is a ${nick} already`);
      return;
    }
    this.#nick = nick;
    this.#room.enter(nick, this.#connection);
    print('server', `welcomes ${nick}`);
    await this.#connection.send({ type: 'joined', nick, others: this.#room.nicks.slice(0, -1) });
  }

  @OnMessage(codec, 'say')
  say({ text }: Only<'say'>): void {
    this.#room.tellOthers(this.#nick, { type: 'said', from: this.#nick, text });
  }

  @OnDisconnect()
  leave(): void {
    if (this.#nick === '') return;
    this.#room.leave(this.#nick);
    print('server', `sees ${this.#nick} leave`);
    this.#room.tellOthers(this.#nick, { type: 'left', nick: this.#nick });
  }
}

@modeIsShown
@Peer({
  codec,
  listen: { host: '127.0.0.1', port: 0 },
  inject: [Room],
  plugins: [capacity({ most: 2 })],
  sessions: [Guest],
})
class Host {
  readonly #room: Room;

  constructor(room: Room) {
    this.#room = room;
  }

  @OnStart()
  open(): void {
    print('server', `is up, guests: ${this.#room.nicks.length}`);
  }

  lockUp(): void {
    print('server', 'locks up');
  }
}
// Inversify's decorators of methods know the legacy mode only: this is how one is put on nevertheless.
decorate(preDestroy(), Host, 'lockUp');

/** Says its lines, one for each that it hears, and leaves when there is no more to say. */
@Peer({ codec, inject: [PeerNode] })
class Visitor {
  readonly #node: PeerNode<Message>;
  #lines: string[] = [];
  #onJoined: () => void = () => {};

  constructor(node: PeerNode<Message>) {
    this.#node = node;
  }

  async join(address: SocketAddress, ...lines: string[]): Promise<Connection<Message>> {
    this.#lines = lines;
    const joined = new Promise<void>((resolve) => (this.#onJoined = resolve));
    const connection = await this.#node.connect(address);
    await connection.send({ type: 'join', nick: this.#node.name });
    await joined;
    return connection;
  }

  @OnMessage(codec, 'joined')
  onWelcome({ others }: Only<'joined'>): void {
    print(this.#node.name, `is in, with ${others.length === 0 ? 'nobody' : others.join(' and ')}`);
    this.#onJoined();
  }

  @OnMessage(codec, 'said')
  async onSaid({ from, text }: Only<'said'>, connection: Connection<Message>): Promise<void> {
    print(this.#node.name, `hears ${from} say: ${text}`);
    await this.#sayNext(connection);
  }

  @OnMessage(codec, 'left')
  async onLeft({ nick }: Only<'left'>, connection: Connection<Message>): Promise<void> {
    print(this.#node.name, `hears that ${nick} has left`);
    await connection.disconnect();
  }

  async #sayNext(connection: Connection<Message>): Promise<void> {
    const text = this.#lines.shift();
    if (text === undefined) await connection.disconnect();
    else await connection.send({ type: 'say', text });
  }
}

const host = await createPeer(Host, {
  bindings: new ContainerModule(({ bind }) => void bind(Room).toSelf()),
});
const visitor = (name: string) => createPeer(Visitor, { config: { name } });
const [ann, bob, carol] = [await visitor('ann'), await visitor('bob'), await visitor('carol')];

const address = host.address!;

const annsConnection = await ann.peer.join(address, 'hello bob');
const bobsConnection = await bob.peer.join(address, 'goodbye ann');
const refused = await carol.node.connect(address);
await refused.closed;
print('carol', 'is turned away');

await bobsConnection.send({ type: 'say', text: 'hello ann' });
await Promise.all([annsConnection.closed, bobsConnection.closed]);
await Promise.all([ann.close(), bob.close(), carol.close()]);
await host.close();
print('all', 'closed');
