import type { Link, SocketAddress, Transport, TransportConnectOptions } from '@pea2pea/core';
import { AlteredLink } from './wire.js';
import type { Clock, Random } from '@pea2pea/core';

/** A dial, to be made once or more. */
export type Dial = () => Promise<Link>;

/** What is done in place of a dial. */
export type Redial = (dial: Dial, tools: { readonly clock: Clock; readonly random: Random }) => Promise<Link>;

const CROWD = 20;

/** What was said first on the first connection, for those that say it again. */
function replaying(): Redial {
  let first: Buffer | undefined;
  return async (dial, { clock, random }) => {
    const link = await dial();
    const said = first;
    const begin = (wire: { send(bytes: Uint8Array): void }) => ({
      write(bytes: Buffer) {
        first ??= bytes;
        wire.send(said ?? bytes);
      },
    });
    return new AlteredLink(link, begin, clock, random);
  };
}

/** What can be wrong with dials, by name. Each is made anew for a node. */
export const DIAL_MISCHIEFS = {
  crowds: {
    sentence: 'opens twenty connections more, on which nothing is said',
    make: (): Redial => async (dial) => {
      const others = await Promise.allSettled(Array.from({ length: CROWD }, dial));
      const link = await dial();
      link.stream.once('close', () => {
        for (const other of others) if (other.status === 'fulfilled') other.value.stream.destroy();
      });
      return link;
    },
  },
  'comes-and-goes': {
    sentence: 'opens and resets twenty connections before each that it uses',
    make: (): Redial => async (dial) => {
      for (let count = 0; count < CROWD; count++) {
        const link = await dial().catch(() => undefined);
        link?.reset();
      }
      return dial();
    },
  },
  replays: { sentence: 'sends on later connections what it sent on its first', make: replaying },
} as const satisfies Readonly<Record<string, { readonly sentence: string; readonly make: () => Redial }>>;

/** The name of one of {@link DIAL_MISCHIEFS}. */
export type DialMischiefName = keyof typeof DIAL_MISCHIEFS;

/** A transport that listens as `transport` does, and dials otherwise. */
export function redialling(transport: Transport, redial: Redial, clock: Clock, random: Random): Transport {
  return {
    name: transport.name,
    listen: (options, events) => transport.listen(options, events),
    resolve: (address) => transport.resolve(address),
    connect: (address: SocketAddress, options: TransportConnectOptions) =>
      redial(() => transport.connect(address, options), { clock, random }),
  };
}
