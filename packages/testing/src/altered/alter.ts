import {
  systemClock,
  tcpTransport,
  type Clock,
  type NodeConfig,
  type Random,
  type Transport,
} from '@pea2pea/core';
import { chanceOf } from '../simulation/chance.js';
import { DIAL_MISCHIEFS, redialling, type DialMischiefName } from './dial-mischiefs.js';
import { FRAME_MISCHIEFS, type FrameMischiefName } from './frame-mischiefs.js';
import { LINES, type Framing } from './framing.js';
import { alteredCodec, MESSAGE_MISCHIEFS, type MessageMischiefName } from './message-mischiefs.js';
import { MISCHIEFS, type MischiefName } from './mischiefs.js';
import { AlteredLink, type Begin } from './wire.js';
import { YAMUX_MISCHIEFS, type YamuxMischiefName } from './yamux-mischiefs.js';

/** The name of one thing that can be wrong with a peer. */
export type Alteration = LinkAlteration | DialMischiefName | MessageMischiefName;

/** The name of one thing that can be wrong with what is said on a connection. */
export type LinkAlteration = MischiefName | FrameMischiefName | YamuxMischiefName;

/** What can be wrong with a peer: a name, and a sentence of which it is the subject. */
export const ALTERATIONS: Readonly<Record<Alteration, string>> = Object.fromEntries(
  [MISCHIEFS, DIAL_MISCHIEFS, FRAME_MISCHIEFS, YAMUX_MISCHIEFS, MESSAGE_MISCHIEFS].flatMap((table) =>
    Object.entries(table).map(([name, { sentence }]) => [name, sentence]),
  ),
) as Record<Alteration, string>;

/** What is wrong with bytes and dials, and so with peers of any protocol. */
export const WIRE_ALTERATIONS = [...Object.keys(MISCHIEFS), ...Object.keys(DIAL_MISCHIEFS)] as readonly (
  MischiefName | DialMischiefName
)[];

/** What is wrong with frames, and so with peers of a protocol whose {@link Framing} is known. */
export const FRAME_ALTERATIONS = Object.keys(FRAME_MISCHIEFS) as readonly FrameMischiefName[];

/** What is wrong with a peer that dialled and speaks yamux, below which there is no secure channel. */
export const YAMUX_ALTERATIONS = Object.keys(YAMUX_MISCHIEFS) as readonly YamuxMischiefName[];

/**
 * A configuration for a node with one thing wrong, to be set against a node of yours. All else is as in `config`.
 *
 * note: where it dials, and where it listens.
 * @param seed what its chance follows from, where it has some. @default 1
 * @param framing how the bytes of the codec are cut into frames, for what is wrong with frames. @default lines
 */
export function alter<In, Out = In>(
  name: Alteration,
  config: NodeConfig<In, Out>,
  seed = 1,
  framing: Framing = LINES,
): NodeConfig<In, Out> {
  const random = chanceOf(seed, name);
  if (name in MESSAGE_MISCHIEFS) {
    const { make } = MESSAGE_MISCHIEFS[name as MessageMischiefName];
    return { ...config, codec: alteredCodec(config.codec, make, random) };
  }
  const { transport = tcpTransport(), clock = systemClock } = config;
  return {
    ...config,
    transport: alterTransport(name as LinkAlteration | DialMischiefName, transport, clock, random, framing),
  };
}

/** As {@link alter}, for a transport. */
export function alterTransport(
  name: LinkAlteration | DialMischiefName,
  transport: Transport,
  clock: Clock,
  random: Random,
  framing: Framing = LINES,
): Transport {
  if (name in DIAL_MISCHIEFS) {
    return redialling(transport, DIAL_MISCHIEFS[name as DialMischiefName].make(), clock, random);
  }
  const begin = beginningOf(name as LinkAlteration, framing);
  return {
    name: transport.name,
    resolve: (address) => transport.resolve(address),
    listen: (options, events) =>
      transport.listen(options, {
        ...events,
        onLink: (link) => events.onLink(new AlteredLink(link, begin, clock, random)),
      }),
    connect: async (address, options) =>
      new AlteredLink(await transport.connect(address, options), begin, clock, random),
  };
}

/** How it begins on a connection. */
export function beginningOf(name: LinkAlteration, framing: Framing): Begin {
  if (name in FRAME_MISCHIEFS) return FRAME_MISCHIEFS[name as FrameMischiefName].make(framing);
  if (name in YAMUX_MISCHIEFS) return YAMUX_MISCHIEFS[name as YamuxMischiefName].begin;
  return MISCHIEFS[name as MischiefName].begin;
}
