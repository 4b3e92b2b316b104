import { PeerError } from '@pea2pea/core';
import type { Randomness } from './randomness.js';
import type { Subject } from './subject.js';

const MANY = 1000;

/** What a stranger sends who knows nothing of the protocol. */
export function noise<In, Out>(subject: Subject<In, Out>, random: Randomness): void {
  survive(subject, random.pieces(random.bytes(1 + random.below(random.pick([8, 64, 1024])))));
}

/** What a stranger sends who knows the protocol. */
export function almostSound<In, Out>(subject: Subject<In, Out>, random: Randomness): void {
  const samples = Array.from({ length: 1 + random.below(3) }, () => random.pick(subject.samples));
  survive(subject, random.pieces(random.mutated(subject.encode('round-trip', samples))));
}

/** A frame that begins like a sound one, and never ends. */
export function endless<In, Out>(subject: Subject<In, Out>, random: Randomness): void {
  const wire = subject.encode('round-trip', [random.pick(subject.samples)]);
  const head = random.below(2) === 0 ? random.mutated(wire) : wire.subarray(0, random.below(wire.length + 1));
  const filler = random.pick([
    Buffer.alloc(1, 0),
    Buffer.alloc(1, 0x78),
    Buffer.alloc(1, 0xff),
    random.bytes(61),
  ]);
  const chunk = Buffer.alloc(64 * 1024, filler);
  const chunks = Math.ceil(subject.maxFrameBytes / chunk.length) + 1;
  survive(subject, [head, ...Array.from({ length: chunks }, () => chunk)]);
}

/** Hostile bytes arrive: messages and refusals are both fine, anything else is found by the receiver. */
function survive<In, Out>(subject: Subject<In, Out>, chunks: readonly Buffer[]): void {
  let messages = 0;
  const receiver = subject.receiver(() => messages++);
  try {
    for (const chunk of chunks) {
      receiver.receive(chunk);
      // Filler that makes messages makes them for ever.
      if (messages > MANY) return;
    }
    receiver.end();
  } catch (error) {
    if (!PeerError.is(error)) throw error;
  }
}
