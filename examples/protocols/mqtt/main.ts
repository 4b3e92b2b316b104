/**
 * MQTT 3.1.1 (https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html): a broker, with wildcards, retained
 * messages, wills, and all three qualities of service from publishers, two to subscribers. Shows a handshake that is a packet
 * like any other, received and sent with the codec; a keep-alive that each client chooses; and one service for all connections.
 *
 * Sessions end with their connection, also for clients that would keep them: CONNACK says each time that there was none.
 *
 *   npm run example protocols/mqtt -- 1883      then: mosquitto_sub -t '#' -v, and mosquitto_pub -t greeting -m hello
 */
import { randomUUID } from 'node:crypto';
import { contextKey, type Connection, type Handshake } from '@pea2pea/core';
import {
  createPeer,
  OnConnect,
  OnDisconnect,
  OnHandshake,
  OnMessage,
  Peer,
  Session,
  SessionConnection,
} from '@pea2pea/decorators';
import { ContainerModule } from 'inversify';
import { Broker, Subscriber } from './broker.js';
import { mqtt, type Connect, type Of, type Packet, type Reply } from './packets.js';

const [ACCEPTED, WRONG_LEVEL, WRONG_ID, WRONG_PASSWORD] = [0, 1, 2, 4];
const LEVEL = 4;
const passwords = new Map([['ann', 'secret']]);

/** What a client said of itself. */
const CLIENT = contextKey<Connect>('client');

/** One client, while it is connected. */
@Session()
class Client {
  readonly #subscriber: Subscriber;
  readonly #self: Connect;
  /** Ids of messages of quality 2 that were passed on, and not released. */
  readonly #taken = new Set<number>();
  #hasLeft = false;

  constructor(
    private readonly connection: SessionConnection<Packet, Reply>,
    private readonly broker: Broker,
  ) {
    this.#subscriber = new Subscriber(connection);
    this.#self = connection.context.get(CLIENT)!;
  }

  @OnConnect()
  enter(): void {
    this.broker.add(this.#self.clientId, this.#subscriber);
  }

  @OnMessage(mqtt, 'publish')
  async publish(message: Of<'publish'>): Promise<void> {
    const { id, qos } = message;
    if (qos < 2 || !this.#taken.has(id)) this.broker.publish(message); // once, however often it is sent
    if (qos === 2) this.#taken.add(id);
    if (qos > 0) await this.connection.send({ type: qos === 1 ? 'puback' : 'pubrec', id });
  }

  @OnMessage(mqtt, 'pubrel')
  async release({ id }: Of<'pubrel'>): Promise<void> {
    this.#taken.delete(id);
    await this.connection.send({ type: 'pubcomp', id });
  }

  @OnMessage(mqtt, 'puback')
  acknowledge({ id }: Of<'puback'>): void {
    this.#subscriber.acknowledge(id);
  }

  @OnMessage(mqtt, 'subscribe')
  async subscribe({ id, filters }: Of<'subscribe'>): Promise<void> {
    const granted = filters.map(([filter, qos]) => this.#subscriber.subscribe(filter, qos));
    await this.connection.send({ type: 'suback', id, granted });
    for (const [index, qos] of granted.entries()) {
      if (qos !== 128) this.broker.replay(this.#subscriber, filters[index]![0], qos);
    }
  }

  @OnMessage(mqtt, 'unsubscribe')
  async unsubscribe({ id, filters }: Of<'unsubscribe'>): Promise<void> {
    for (const filter of filters) this.#subscriber.unsubscribe(filter);
    await this.connection.send({ type: 'unsuback', id });
  }

  @OnMessage(mqtt, 'pingreq')
  async ping(): Promise<void> {
    await this.connection.send({ type: 'pingresp' });
  }

  @OnMessage(mqtt, 'disconnect')
  leave(): void {
    this.#hasLeft = true;
    void this.connection.disconnect('the client has left');
  }

  /** Anything but a DISCONNECT is what a will is for. */
  @OnDisconnect()
  gone(): void {
    this.broker.remove(this.#self.clientId, this.#subscriber);
    if (this.#self.will !== undefined && !this.#hasLeft) this.broker.publish(this.#self.will);
  }
}

@Peer({ codec: mqtt, sessions: [Client], maxConnections: 1_000, maxConnectionsPerIp: 1_000 })
class Mqtt {
  @OnHandshake()
  async connect(handshake: Handshake): Promise<void> {
    const packet = await handshake.receive(mqtt.decoder(handshake));
    if (packet.type !== 'connect') handshake.reject('the first packet is not a CONNECT');
    const code = codeFor(packet);
    await handshake.send(mqtt.encoder(handshake), { type: 'connack', code });
    if (code !== ACCEPTED) handshake.reject(`CONNACK ${code}`);
    handshake.context.set(CLIENT, { ...packet, clientId: packet.clientId || randomUUID() });
    handshake.limits.set({ idleTimeoutMs: packet.keepAliveSeconds * 1_500 }); // one and a half times; 0 is for ever
  }

  /** A second CONNECT breaks the protocol. */
  @OnMessage(mqtt, 'connect')
  again(_connect: Of<'connect'>, client: Connection<Packet, Reply>): void {
    void client.disconnect('a second CONNECT');
  }
}

function codeFor({ level, clean, clientId, user, password }: Connect): number {
  if (level !== LEVEL) return WRONG_LEVEL;
  if (clientId === '' && !clean) return WRONG_ID;
  return user !== undefined && passwords.get(user) !== password?.toString() ? WRONG_PASSWORD : ACCEPTED;
}

const broker = await createPeer(Mqtt, {
  bindings: new ContainerModule(({ bind }) => void bind(Broker).toSelf().inSingletonScope()),
  listen: { host: '127.0.0.1', port: Number(process.argv[2] ?? 1883) },
});
broker.closeOn('SIGINT', 'SIGTERM');
console.log(`mqtt at ${broker.address}`);
