import { FRAME_ALTERATIONS, WIRE_ALTERATIONS } from '../altered/alter.js';
import { isPossible, type FrameMischiefName } from '../altered/frame-mischiefs.js';
import type { Framing } from '../altered/framing.js';

/** The name of what can be wrong with a peer of any protocol. */
export type WireAlteration = (typeof WIRE_ALTERATIONS)[number] | FrameMischiefName;

/** Those that are possible with a framing, in the order in which they are set against a server. */
export function alterationsFor(framing: Framing): readonly WireAlteration[] {
  return [...WIRE_ALTERATIONS, ...FRAME_ALTERATIONS.filter((name) => isPossible(name, framing))];
}
