/**
 * Nodes find each other in a local network: each shouts where it listens, in UDP multicast, and connects with those that
 * it hears. Three of them find each other on loopback, somebody without their key interferes, and one leaves.
 *
 *   npm run example lan-discovery
 *   npm run example lan-discovery -- --unicast     as it goes where there is no multicast
 *
 * On several machines of a LAN, with a key that all are given (32 bytes in hexadecimal digits), until Ctrl-C:
 *
 *   npm run example lan-discovery -- --address 192.168.1.7 --key <key>
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { lines } from '@pea2pea/codecs';
import type { Connection } from '@pea2pea/core';
import { createPeer, OnConnect, OnDisconnect, Peer, type PeerHandle } from '@pea2pea/decorators';
import { uniquePeer } from '@pea2pea/policies';
import { encodeBeacon, ID_BYTES } from './beacon.js';
import { lanDiscovery, LanDiscovery, memberId, type LanDiscoveryOptions } from './lan-discovery.js';
import { multicast, privateMedium, type Medium } from './medium.js';

const LAN_PORT = 8_590;
const PATIENCE_MS = 15_000;

@Peer({ codec: lines() })
class Member {
  onChange: (what: string) => void = () => {};

  @OnConnect()
  onConnect(connection: Connection): void {
    this.onChange(`is connected with ${connection.context.get(memberId)} at ${connection.address}`);
  }

  @OnDisconnect()
  onDisconnect(connection: Connection): void {
    this.onChange(`is no longer connected with ${connection.context.get(memberId)} at ${connection.address}`);
  }
}

function startMember(host: string, options: LanDiscoveryOptions): Promise<PeerHandle<Member>> {
  const unique = uniquePeer({ identity: memberId, localIdentity: options.id });
  return createPeer(Member, { listen: { host, port: 0 }, plugins: [unique, lanDiscovery(options)] });
}

const newId = (): string => randomBytes(ID_BYTES).toString('hex');

const { address, key, unicast } = readOptions();
await (address === undefined ? demonstrate(unicast) : joinLan(address, key)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

function readOptions(): { address: string | undefined; key: Buffer; unicast: boolean } {
  try {
    const { values } = parseArgs({
      options: { address: { type: 'string' }, key: { type: 'string' }, unicast: { type: 'boolean' } },
    });
    if ((values.address === undefined) !== (values.key === undefined)) {
      throw new Error('--address and --key go together');
    }
    if (values.key !== undefined && !/^[\da-f]{64}$/i.test(values.key)) {
      throw new Error('--key must be 64 hexadecimal digits');
    }
    const { address, key = '', unicast = false } = values;
    return { address, key: Buffer.from(key, 'hex'), unicast };
  } catch (error) {
    console.error(
      `${(error as Error).message}\nusage: lan-discovery [--unicast | --address <own IPv4> --key <hex>]`,
    );
    process.exit(2);
  }
}

async function joinLan(host: string, secret: Buffer): Promise<void> {
  const medium = multicast(host, LAN_PORT);
  const pace = { intervalMs: 1_000, expiryMs: 5_000, maxPerSecond: 500 };
  const member = await startMember(host, { medium, id: newId(), key: secret, ...pace });
  member.peer.onChange = (what) => say('this node', what);
  member.closeOn('SIGINT', 'SIGTERM');
  say('this node', `listens at ${member.address}, ${medium.description}`);
  await member.closed;
}

async function demonstrate(unicast: boolean): Promise<void> {
  const medium = await privateMedium(unicast);
  say('all', medium.description);
  const secret = randomBytes(32);
  const names = new Map(['ann', 'bob', 'carol'].map((name) => [newId(), name]));
  const namesOf = (ids: readonly string[]): string =>
    ids
      .map((id) => names.get(id))
      .sort()
      .join(', ');
  const pace = { intervalMs: 100, expiryMs: 1_000, maxPerSecond: 200 };
  const members: PeerHandle<Member>[] = [];
  for (const id of names.keys()) {
    members.push(await startMember('127.0.0.1', { medium, id, key: secret, ...pace }));
  }
  const [ann, bob, carol] = members as [PeerHandle<Member>, PeerHandle<Member>, PeerHandle<Member>];
  try {
    const sizes = (): number[] => members.map(({ node }) => node.connections.size);
    const haveFound = (): boolean => members.every((each) => each.get(LanDiscovery).found.length === 2);
    await until(
      'all are connected',
      () => haveFound() && sizes().every((size) => size === 2) && settled(members),
    );
    for (const [index, name] of [...names.values()].entries()) {
      say(name, `finds ${namesOf(members[index]!.get(LanDiscovery).found)}`);
    }
    say('all', `have so many connections: ${sizes().join(', ')}`);

    await interfere(medium, ann.get(LanDiscovery), [...names.keys()][1]!);
    say(
      'ann',
      `still knows ${namesOf(ann.get(LanDiscovery).found)}, connections: ${ann.node.connections.size}`,
    );

    await carol.close();
    say('carol', 'leaves');
    for (const [name, each] of [
      ['ann', ann],
      ['bob', bob],
    ] as const) {
      await until(`${name} forgets carol`, () => each.get(LanDiscovery).found.length === 1);
      say(name, `knows ${namesOf(each.get(LanDiscovery).found)}, connections: ${each.node.connections.size}`);
    }
  } finally {
    await Promise.all(members.map((member) => member.close()));
  }
  say('all', 'closed');
}

/** No dial and no duplicate is left. */
function settled(members: readonly PeerHandle<Member>[]): boolean {
  return members.every(({ node }) => node.connecting === 0 && [...node.connections].every(isOpen));
}

function isOpen({ state }: Connection): boolean {
  return state === 'open';
}

/** Somebody who hears every beacon, and has no key. @param other whose beacon to repeat */
async function interfere(medium: Medium, victim: LanDiscovery, other: string): Promise<void> {
  let heard: Buffer | undefined;
  const channel = await medium.open((bytes) => {
    if (bytes.includes(other, 0, 'hex')) heard ??= bytes;
  });
  const forged = encodeBeacon({ id: newId(), port: 4_000, number: 1 }, randomBytes(32));
  await until('mallory hears a beacon', () => heard !== undefined);
  const attempts = [
    ['malformed', 'noise', randomBytes(70)],
    ['malformed', 'a datagram of 8 KiB', Buffer.concat([forged], 8_192)],
    ['forged', 'a beacon with another key', forged],
    ['replayed', 'a beacon that it heard', heard!],
  ] as const;
  try {
    for (const [expected, what, bytes] of attempts) {
      const before = victim.ignored[expected];
      await until(
        `ann ignores ${what}`,
        () => victim.ignored[expected] > before,
        () => channel.send(bytes),
      );
      say('mallory', `sends ${what}: ${expected}, ignored`);
    }
    const before = victim.ignored.limited;
    await until(
      'ann limits a flood',
      () => victim.ignored.limited > before,
      () => {
        for (let left = 300; left > 0; left--) channel.send(forged);
      },
    );
    say('mallory', 'sends a flood: most of it is not even looked at');
  } finally {
    channel.close();
  }
}

/** Waits for `condition`; what a network may lose is done again from time to time. */
async function until(what: string, condition: () => boolean, again: () => void = () => {}): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (let round = 0; !condition(); round++) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain until ${what}`);
    if (round % 20 === 0) again();
    await sleep(10);
  }
}

function say(who: string, what: string): void {
  console.log(`${who.padEnd(10)}${what}`);
}
