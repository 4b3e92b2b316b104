import { PassThrough } from 'node:stream';
import { lines } from '@pea2pea/codecs';
import { PeerNode, type Codec, type Connection, type SocketAddress } from '@pea2pea/core';
import type { AppHandle } from '@pea2pea/decorators';
import { AdminPeer } from './admin-peer.js';
import { HttpSide } from './http-side.js';
import { chat } from './protocol.js';
import { RoomPeer } from './room-peer.js';

/** Two clients, an administrator and HTTP requests against a server in the same process; some of them are rude. */
export async function runDemo(app: AppHandle): Promise<void> {
  const rooms = app.peer(RoomPeer).address!;
  const { url } = app.get(HttpSide);

  const ann = await Client.connect('ann', chat, rooms);
  await ann.says({ type: 'enter', room: 'lobby', nick: 'ann' });
  await ann.hears();
  const bob = await Client.connect('bob', chat, rooms);
  await bob.says({ type: 'say', text: 'is this thing on?' });
  await bob.hears();
  await bob.says({ type: 'enter', room: 'lobby', nick: 'bob' });
  await bob.hears();
  await ann.says({ type: 'say', text: 'hello bob' });
  for (const client of [ann, bob]) await client.hears();

  await request('GET', `${url}/rooms`);
  await request('POST', `${url}/rooms/lobby/messages`, { from: 'web', text: 'hello from HTTP' });
  for (const client of [ann, bob]) await client.hears();
  await request('GET', `${url}/rooms/lobby/messages`);
  await request('GET', `${url}/health`);

  await request('POST', `${url}/rooms/lobby/messages`, { from: 'bob', text: 'it was not me' });
  await request('POST', `${url}/rooms/lobby/messages`, { text: 'by nobody' });
  await request('GET', `${url}/rooms/attic/messages`);
  const eve = await Client.connect('eve', lines(), rooms);
  await eve.says('let me in');
  await eve.hears();
  await eve.hears();

  const admin = await Client.connect('admin', lines(), app.peer(AdminPeer).address!);
  await admin.says('who');
  await admin.hears();
  await admin.says('kick bob');
  await admin.hears();
  await bob.hears();
  await admin.says('quit');
  await admin.hears();

  await ann.leaves();
}

/** Somebody at the other end of a connection: the transcript has what it says, and hears, in the order of these calls. */
class Client<Message> {
  readonly #name: string;
  readonly #node: PeerNode<Message>;
  readonly #inbox = new PassThrough({ objectMode: true });
  readonly #heard: AsyncIterator<Message, undefined> = this.#inbox[Symbol.asyncIterator]();
  #connection!: Connection<Message>;

  private constructor(name: string, codec: Codec<Message>) {
    this.#name = name;
    this.#node = new PeerNode({ codec, name }).use({
      onMessage: (message) => void this.#inbox.write(message),
      onDisconnect: () => void this.#inbox.end(),
    });
  }

  static async connect<M>(name: string, codec: Codec<M>, address: SocketAddress): Promise<Client<M>> {
    const client = new Client(name, codec);
    client.#connection = await client.#node.connect(address);
    return client;
  }

  async says(message: Message): Promise<void> {
    print(this.#name, `says   ${shown(message)}`);
    await this.#connection.send(message);
  }

  /** Waits for the next message, or the end. */
  async hears(): Promise<void> {
    const { done, value } = await this.#heard.next();
    print(this.#name, done ? 'is disconnected' : `hears  ${shown(value)}`);
    if (done) await this.leaves();
  }

  async leaves(): Promise<void> {
    await this.#node.close();
  }
}

async function request(method: 'GET' | 'POST', url: string, body?: object): Promise<void> {
  const response = await fetch(url, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const answer: unknown = await response.json();
  print('http', `${method} ${new URL(url).pathname} ${body === undefined ? '' : shown(body)}`.trimEnd());
  print('http', `${response.status} ${shown(answer)}`);
}

/** Without times, which differ from run to run. */
function shown(message: unknown): string {
  if (typeof message === 'string') return message;
  return JSON.stringify(message, (key, value: unknown) => (key === 'at' ? undefined : value));
}

function print(who: string, what: string): void {
  console.log(`${who.padEnd(6)} ${what}`);
}
