import type { Connection } from '@pea2pea/core';
import type { Packet, Publish, Qos, Reply } from './packets.js';

const MAX_RETAINED = 10_000;
/** Of quality 1: sent and not acknowledged, and waiting for that. */
const [MAX_IN_FLIGHT, MAX_WAITING] = [100, 10_000];
const MAX_FILTERS = 1_000;

/** A client that is connected: what it subscribed to, and what it has not acknowledged. */
export class Subscriber {
  readonly #filters = new Map<string, Qos>();
  readonly #inFlight = new Set<number>();
  readonly #waiting: Publish[] = [];
  #lastId = 0;

  constructor(readonly connection: Connection<Packet, Reply>) {}

  /** Returns what is granted: 1 at most, or 128 for a failure. */
  subscribe(filter: string, qos: Qos): Qos | 128 {
    if (this.#filters.size === MAX_FILTERS && !this.#filters.has(filter)) return 128;
    const granted = qos === 0 ? 0 : 1;
    this.#filters.set(filter, granted);
    return granted;
  }

  unsubscribe(filter: string): void {
    this.#filters.delete(filter);
  }

  acknowledge(id: number): void {
    this.#inFlight.delete(id);
    const next = this.#waiting.shift();
    if (next !== undefined) this.#send(next);
  }

  /** Filters may overlap: a message comes once, as the best of them says. */
  offer(message: Publish): void {
    let best: Qos | undefined;
    for (const [filter, qos] of this.#filters) {
      if ((best === undefined || qos > best) && matches(filter, message.topic)) best = qos;
    }
    if (best !== undefined) this.deliver({ ...message, retain: false }, best);
  }

  deliver(message: Publish, most: Qos): void {
    const qos = Math.min(message.qos, most) as Qos;
    if (qos === 0) {
      this.connection.trySend({ ...message, qos, id: 0 }); // at most once: where it does not fit, it is lost
      return;
    }
    if (this.#inFlight.size < MAX_IN_FLIGHT) this.#send({ ...message, qos });
    else if (this.#waiting.length < MAX_WAITING)
      this.#waiting.push({ ...message, qos, payload: Buffer.from(message.payload) });
    else void this.connection.disconnect('does not take what it subscribed to');
  }

  #send(message: Publish): void {
    do this.#lastId = (this.#lastId % 65_535) + 1;
    while (this.#inFlight.has(this.#lastId));
    this.#inFlight.add(this.#lastId);
    const isQueued = this.connection.trySend({ ...message, id: this.#lastId });
    if (!isQueued) void this.connection.disconnect('does not read');
  }
}

/** Who is connected, and the last message of each topic that was to be retained. */
export class Broker {
  readonly #clients = new Map<string, Subscriber>();
  readonly #retained = new Map<string, Publish>();

  /** Two clients with one id: the older one has to go, 3.1.4. */
  add(clientId: string, client: Subscriber): void {
    void this.#clients.get(clientId)?.connection.disconnect('another client has this id');
    this.#clients.set(clientId, client);
  }

  remove(clientId: string, client: Subscriber): void {
    if (this.#clients.get(clientId) === client) this.#clients.delete(clientId);
  }

  publish(message: Publish): void {
    if (message.retain) this.#retain({ ...message, payload: Buffer.from(message.payload) });
    for (const client of this.#clients.values()) client.offer(message);
  }

  /** What a new subscription begins with. */
  replay(client: Subscriber, filter: string, qos: Qos): void {
    for (const message of this.#retained.values()) {
      if (matches(filter, message.topic)) client.deliver(message, qos);
    }
  }

  #retain(message: Publish): void {
    if (message.payload.length === 0) this.#retained.delete(message.topic);
    else if (this.#retained.size < MAX_RETAINED || this.#retained.has(message.topic))
      this.#retained.set(message.topic, message);
  }
}

/** 4.7: `+` is one level, `#` all that follow and the level above; neither begins a match of a topic with a `$`. */
function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && !filter.startsWith('$')) return false;
  const [wanted, levels] = [filter.split('/'), topic.split('/')];
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}
