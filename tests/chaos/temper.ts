import type { Dice } from './dice.js';

/** What user code can do wrong, hook by hook. */
const MISDEEDS = [
  'acceptRefuses',
  'acceptThrows',
  'acceptHangs',
  'acceptDawdles',
  'handshakeThrows',
  'handshakeRejects',
  'handshakeHangs',
  'handshakeDawdles',
  'handshakeLies',
  'handshakeDestroysStream',
  'connectThrows',
  'connectRejects',
  'connectHangs',
  'connectDisconnects',
  'messageThrows',
  'messageRejects',
  'messageHangs',
  'messageDawdles',
  'messageThenable',
  'messageStalls',
  'messageDisconnects',
  'messageClosesNode',
  'pullForgets',
  'peerEndThrows',
  'peerEndRejects',
  'peerEndHangs',
  'peerEndDawdles',
  'neverEnds',
  'renegotiationFails',
  'handshakeDetaches',
  'disconnectThrows',
  'disconnectHangs',
  'disconnectDawdles',
  'disconnectTalks',
  'errorKeeps',
  'errorThrows',
] as const;

export type Misdeed = (typeof MISDEEDS)[number];

/** Misdeeds after which nothing is left to be tested are rare. */
const RARE: ReadonlySet<Misdeed> = new Set([
  'messageClosesNode',
  'messageHangs',
  'messageStalls',
  'acceptHangs',
  'handshakeHangs',
  'pullForgets',
  'peerEndHangs',
]);

/** How likely each misdeed is in the hooks of one node. */
export type Temper = Readonly<Record<Misdeed, number>>;

/** Half of the nodes' misdeeds never happen, so that each is also seen without the others. */
export function drawTemper(dice: Dice): Temper {
  const entries = MISDEEDS.map((misdeed) => {
    const most = RARE.has(misdeed) ? 0.02 : 0.12;
    return [misdeed, dice.chance(0.5) ? 0 : dice.next() * most] as const;
  });
  return Object.fromEntries(entries) as Record<Misdeed, number>;
}
