/**
 * RESP2, the protocol of Redis (https://redis.io/docs/latest/develop/reference/protocol-spec): a store in memory, with
 * publish and subscribe. Shows a codec that reads one thing and writes another, with tags of its own, so that each command
 * is a method; pipelining with backpressure; a session for what a connection remembers; and last words to a client that
 * breaks the protocol.
 *
 *   npm run example protocols/resp -- 6379      then: redis-cli, or nc 127.0.0.1 6379
 */
import type { DisconnectReason, PeerError } from '@pea2pea/core';
import { createPeer, OnDisconnect, OnMessage, Peer, Session, SessionConnection } from '@pea2pea/decorators';
import { ContainerModule, injectable } from 'inversify';
import { resp, type Client, type Command, type Of, type Refused, type Reply } from './codec.js';

const MAX_KEYS = 10_000;
const MAX_CHANNELS_PER_CLIENT = 1_000;

/** Pipelined commands wait for nothing, as long as the client reads the replies. */
function reply(client: Client, message: Reply): Promise<void> | undefined {
  return client.trySend(message) ? undefined : client.drained().then(() => client.send(message));
}

/** Who listens to which channel: one for all clients. */
@injectable('Singleton')
class Channels {
  readonly #clients = new Map<string, Set<Client>>();

  add(channel: string, client: Client): void {
    const clients = this.#clients.get(channel);
    if (clients === undefined) this.#clients.set(channel, new Set([client]));
    else clients.add(client);
  }

  remove(channel: string, client: Client): void {
    const clients = this.#clients.get(channel);
    if (clients?.delete(client) && clients.size === 0) this.#clients.delete(channel);
  }

  /** Returns how many clients the message was queued for. One that does not read has to go, or all would wait for it. */
  publish(channel: Buffer, message: Buffer): number {
    let receivers = 0;
    for (const client of this.#clients.get(String(channel)) ?? []) {
      if (client.trySend([Buffer.from('message'), channel, message])) receivers++;
      else void client.disconnect('does not read what it subscribed to');
    }
    return receivers;
  }
}

/** What one client listens to. */
@Session()
class Subscriptions {
  readonly #own = new Set<string>();

  constructor(
    private readonly client: SessionConnection<Command, Reply>,
    private readonly channels: Channels,
  ) {}

  @OnMessage(resp, 'SUBSCRIBE')
  subscribe({ args }: Of<'SUBSCRIBE'>): Promise<void> | undefined {
    for (const channel of args.map(String)) {
      if (this.#own.size === MAX_CHANNELS_PER_CLIENT) {
        return reply(this.client, new Error('ERR too many channels'));
      }
      this.#own.add(channel);
      this.channels.add(channel, this.client);
      this.#confirm('subscribe', channel);
    }
    return undefined;
  }

  @OnMessage(resp, 'UNSUBSCRIBE')
  unsubscribe({ args }: Of<'UNSUBSCRIBE'>): void {
    const channels = args.length > 0 ? args.map(String) : [...this.#own];
    for (const channel of channels) {
      this.#own.delete(channel);
      this.channels.remove(channel, this.client);
      this.#confirm('unsubscribe', channel);
    }
    if (channels.length === 0) this.#confirm('unsubscribe', null);
  }

  [Symbol.dispose](): void {
    for (const channel of this.#own) this.channels.remove(channel, this.client);
  }

  #confirm(what: string, channel: string | null): void {
    const name = channel === null ? null : Buffer.from(channel);
    if (!this.client.trySend([Buffer.from(what), name, this.#own.size]))
      void this.client.disconnect('does not read');
  }
}

@Peer({
  codec: resp,
  sessions: [Subscriptions],
  idleTimeoutMs: 0,
  maxConnections: 1_000,
  maxConnectionsPerIp: 1_000,
})
class Redis {
  readonly #values = new Map<string, Buffer>();

  constructor(private readonly channels: Channels) {}

  @OnMessage(resp, 'PING')
  ping({ args: [text] }: Of<'PING'>, client: Client) {
    return reply(client, text ?? 'PONG');
  }

  @OnMessage(resp, 'GET')
  get({ args: [key] }: Of<'GET'>, client: Client) {
    return reply(client, this.#values.get(String(key)) ?? null);
  }

  @OnMessage(resp, 'SET')
  set({ args: [key, value] }: Of<'SET'>, client: Client) {
    return reply(client, this.#store(String(key), Buffer.from(value!)) ?? 'OK'); // a copy: the argument is a view
  }

  @OnMessage(resp, 'DEL')
  del({ args }: Of<'DEL'>, client: Client) {
    return reply(client, args.filter((key) => this.#values.delete(String(key))).length);
  }

  @OnMessage(resp, 'INCR')
  incr({ args: [key] }: Of<'INCR'>, client: Client) {
    const value = String(this.#values.get(String(key)) ?? '0');
    const next = Number(value) + 1;
    if (!/^-?\d+$/.test(value) || !Number.isSafeInteger(next))
      return reply(client, new Error('ERR value is not an integer or out of range'));
    return reply(client, this.#store(String(key), Buffer.from(String(next))) ?? next);
  }

  @OnMessage(resp, 'PUBLISH')
  publish({ args: [channel, message] }: Of<'PUBLISH'>, client: Client) {
    return reply(client, this.channels.publish(channel!, message!));
  }

  @OnMessage(resp, 'QUIT')
  quit(_quit: Of<'QUIT'>, client: Client): void {
    client.trySend('OK');
    void client.disconnect('QUIT');
  }

  @OnMessage(resp, 'refused')
  refuse({ why }: Refused, client: Client) {
    return reply(client, new Error(`ERR ${why}`));
  }

  /** What is sent here still arrives. */
  @OnDisconnect()
  lastWords(client: Client, reason: DisconnectReason): void {
    if (reason.origin !== 'reading' || reason.cause !== 'invalid-frame') return;
    client.trySend(new Error(`ERR Protocol error: ${(reason.error as PeerError).what}`));
  }

  #store(key: string, value: Buffer): Error | undefined {
    if (this.#values.size === MAX_KEYS && !this.#values.has(key)) return new Error('OOM too many keys');
    this.#values.set(key, value);
    return undefined;
  }
}

const port = Number(process.argv[2] ?? 6379);
const redis = await createPeer(Redis, {
  bindings: new ContainerModule(({ bind }) => void bind(Channels).toSelf()),
  listen: { host: '127.0.0.1', port },
});
redis.closeOn('SIGINT', 'SIGTERM');
console.log(`resp at ${redis.address}`);
