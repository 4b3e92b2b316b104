import { json } from '@pea2pea/codecs';
import { PeerNode, type Connection } from '@pea2pea/core';
import {
  gossip,
  liveness,
  type Gossip,
  type GossipOptions,
  type MessageAbout,
  type Published,
  type Topic,
  type TopicOptions,
} from '@pea2pea/network';
import { protocol, protocols, withProtocols, type Protocol } from '@pea2pea/streams';
import type { SimHost, World } from '@pea2pea/testing';

export const PORT = 4_000;

export interface Rumour {
  readonly number: number;
  readonly text?: string;
}

/** A node that hears rumours. */
export interface Gossiper {
  readonly host: SimHost;
  readonly node: PeerNode<unknown>;
  readonly address: string;
  readonly plugin: Gossip;
  readonly topic: Topic<Rumour>;
  /** The numbers of what it has heard, in that order. */
  readonly heard: number[];
  readonly abouts: MessageAbout[];
  tell(number: number, text?: string): Published;
}

export interface GossiperOptions extends GossipOptions {
  readonly validate?: TopicOptions<Rumour>['validate'];
  readonly config?: object;
  readonly onRumour?: (rumour: Rumour) => void | Promise<void>;
}

/** A node with a topic that it has subscribed to, listening. */
export async function gossiper(
  world: World,
  address: string,
  options: GossiperOptions = {},
): Promise<Gossiper> {
  const { validate, config, onRumour, ...rest } = options;
  const host = world.host(address);
  const node = new PeerNode<unknown>({ codec: withProtocols(json()), ...host.config, ...config })
    .use(protocols())
    .use(gossip(rest))
    .use(liveness({ intervalMs: 5_000, timeoutMs: 5_000 }))
    .use({ onMessage() {} });
  const plugin = node.plugin(gossip);
  const topic = plugin.topic<Rumour>('rumours', { codec: json(), ...(validate && { validate }) });
  const heard: number[] = [];
  const abouts: MessageAbout[] = [];
  topic.subscribe((rumour, about) => {
    heard.push(rumour.number);
    abouts.push(about);
    return onRumour?.(rumour);
  });
  const tell = (number: number, text?: string) =>
    topic.publish(text === undefined ? { number } : { number, text });
  await world.drive(node.listen({ host: address, port: PORT }));
  return { host, node, address: `${address}:${PORT}`, plugin, topic, heard, abouts, tell };
}

export const hostOf = (index: number): string => `10.0.${index >> 8}.${(index & 255) + 1}`;

/** `count` nodes, each of which dials `dials` others that came before it. */
export async function crowd(
  world: World,
  count: number,
  { dials = 4, ...options }: GossiperOptions & { readonly dials?: number } = {},
): Promise<Gossiper[]> {
  const all: Gossiper[] = [];
  for (let index = 0; index < count; index++) {
    const one = await gossiper(world, hostOf(index), options);
    await dialSome(world, one, all, dials);
    all.push(one);
  }
  return all;
}

/** Dials up to `count` of `others`, at random. */
export async function dialSome(world: World, one: Gossiper, others: readonly Gossiper[], count: number) {
  const left = [...others];
  const dials: Promise<unknown>[] = [];
  while (left.length > 0 && dials.length < count) {
    const [other] = left.splice(Math.floor(world.random.next() * left.length), 1);
    dials.push(one.node.connect(other!.address));
  }
  await world.drive(Promise.all(dials));
}

/** A stranger, who says what they like in the protocol of gossip. */
export interface Stranger {
  readonly node: PeerNode<unknown>;
  readonly connection: Connection;
  /** The frames that came, as bytes. */
  readonly came: Buffer[];
  say(...parts: (number | string | Uint8Array)[]): boolean;
}

export const Type = {
  topics: 0,
  message: 1,
  have: 2,
  want: 3,
  graft: 4,
  prune: 5,
  lazy: 6,
  eager: 7,
} as const;

/** Dials `victim`, and has subscribed to `rumours` where `topic` is not false. */
export async function stranger(
  world: World,
  victim: Gossiper,
  { address = '10.9.9.9', hello = {}, subscribes = true, onFrame = (_bytes: Buffer): void => {} } = {},
): Promise<Stranger> {
  const host = world.host(address);
  const config = { ...host.config, idleTimeoutMs: 0 };
  const node = new PeerNode<unknown>({ codec: withProtocols(json()), ...config }).use(protocols());
  const came: Buffer[] = [];
  const raw: Protocol<Buffer> = protocol<Buffer>(node, {
    name: 'pea2pea/gossip',
    versions: [1],
    hello: { network: '', ids: 'publication', isSigned: false, ...hello },
    codec: {
      decoder: () => ({ decode: (input) => input.read(input.length) }),
      encoder: () => ({ encode: (bytes, output) => output.write(bytes) }),
    },
    onMessage(bytes) {
      came.push(bytes);
      onFrame(bytes);
    },
  });
  node.use({ onMessage() {} });
  const connection = await world.drive(node.connect(victim.address));
  const say = (...parts: (number | string | Uint8Array)[]) =>
    raw.trySend(
      connection,
      Buffer.concat(
        parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part as string))),
      ),
    );
  await world.until('the victim has it', () =>
    [...victim.node.connections].some((one) => one.address.host === address),
  );
  if (subscribes) say(Type.topics, 1, name('rumours'));
  return { node, connection, came, say };
}

/** A string with its length. */
export function name(text: string): Buffer {
  return Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
}

/** The bytes of an unsigned publication, with `payload` as `json()` frames it. */
export function publication(payload: string, nonce = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(nonce, 4);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(payload));
  return Buffer.concat([Buffer.of(0), name('rumours'), Buffer.of(0), bytes, length, Buffer.from(payload)]);
}

export const AGE = Buffer.alloc(4);
