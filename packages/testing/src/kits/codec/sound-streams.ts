import { PeerError } from '@pea2pea/core';
import { Violation } from './codec-facts.js';
import type { Subject } from './subject.js';

/** How much is decoded to try out the ways to cut a stream. */
const WORK = 4 * 1024 * 1024;

export function roundTrip<In, Out>(subject: Subject<In, Out>): void {
  for (const sample of subject.samples) {
    subject.requireArrival('round-trip', [subject.encode('round-trip', [sample])], [sample]);
  }
}

export function oneChunk<In, Out>(subject: Subject<In, Out>): void {
  const sent = [...subject.samples, ...subject.samples.toReversed(), ...subject.samples];
  subject.requireArrival('one-chunk', [subject.encode('one-chunk', sent)], sent);
}

export function anySplit<In, Out>(subject: Subject<In, Out>): void {
  const wire = subject.encode('any-split');
  for (const at of cuts(wire.length)) {
    subject.requireArrival('any-split', [wire.subarray(0, at), wire.subarray(at)]);
  }
}

export function drip<In, Out>(subject: Subject<In, Out>): void {
  const wire = subject.encode('drip');
  // More than this arrives in larger drops, or it would take its time.
  const size = wire.length > 64 * 1024 ? 61 : 1;
  const drops = Array.from({ length: Math.ceil(wire.length / size) }, (_, index) =>
    wire.subarray(index * size, (index + 1) * size),
  );
  subject.requireArrival('drip', drops);
}

export function truncated<In, Out>(subject: Subject<In, Out>): void {
  // Where any piece is a message, or the end completes one, a piece of a frame is a message as well.
  const mayArrive = subject.merges || subject.options.endCompletes === true;
  for (const sample of subject.samples) {
    const wire = subject.encode('truncated', [sample]);
    for (const at of cuts(wire.length)) {
      let arrived = 0;
      const receiver = subject.receiver(() => arrived++);
      const input = wire.subarray(0, at);
      if (refuses(() => (receiver.receive(input), receiver.end())) || mayArrive) continue;
      if (arrived > 0)
        throw new Violation('truncated', `${at} of ${wire.length} bytes became a message`, { input });
      if (receiver.left === 0)
        throw new Violation('truncated', `${at} of ${wire.length} bytes vanished`, { input });
    }
  }
}

export function isolation<In, Out>(subject: Subject<In, Out>): void {
  const fact = 'isolation';
  const [forward, backward] = [subject.samples, subject.samples.toReversed()];
  const senders = [subject.sender(), subject.sender()] as const;
  forward.forEach((sample, index) => {
    subject.send(fact, senders[0], sample);
    subject.send(fact, senders[1], backward[index]!);
  });
  const wires = senders.map((sender) => sender.take());
  const comparisons = [subject.comparison(fact, forward), subject.comparison(fact, backward)] as const;
  const receivers = comparisons.map((comparison) => subject.receiver(comparison.take));
  const steps = Math.ceil(Math.max(...wires.map(({ length }) => length)) / STRIDE);
  for (let step = 0; step < steps; step++) {
    receivers.forEach((receiver, index) => {
      const piece = wires[index]!.subarray(step * STRIDE, (step + 1) * STRIDE);
      if (piece.length > 0) subject.arrive(fact, receiver, piece);
    });
  }
  for (const comparison of comparisons) comparison.requireAll();
  forward.forEach((sample, index) => {
    // A connection that ends in the middle of a frame leaves nothing to the next one.
    const abandoned = subject.receiver(() => {});
    subject.arrive(fact, abandoned, subject.encode(fact, [sample]).subarray(0, -1));
    subject.requireArrival(fact, [subject.encode(fact, [backward[index]!])], [backward[index]!]);
  });
}

/** Odd and small, so that pieces end inside of heads and frames. */
const STRIDE = 3;

export function keptMessages<In, Out>(subject: Subject<In, Out>): void {
  const fact = 'kept-messages';
  const rounds = 4;
  const sent = Array.from({ length: rounds }, () => [
    ...subject.samples,
    ...subject.samples.toReversed(),
  ]).flat();
  const wire = subject.encode(fact, sent);
  const kept: In[] = [];
  const receiver = subject.receiver((message) => kept.push(message));
  const size = Math.max(7, Math.ceil(wire.length / 50));
  for (let at = 0; at < wire.length; at += size) subject.arrive(fact, receiver, wire.subarray(at, at + size));
  // Compared only now: whatever a decoder uses again has been used again.
  const comparison = subject.comparison(fact, sent);
  for (const message of kept) comparison.take(message);
}

/** Places to cut a stream of `length` bytes in two: all of them, or as many as there is time for. */
function cuts(length: number): number[] {
  const most = Math.max(16, Math.min(length - 1, Math.floor(WORK / Math.max(length, 1))));
  const step = Math.max(1, (length - 1) / most);
  const places: number[] = [];
  for (let at = 1; at < length; at += step) places.push(Math.floor(at));
  return places;
}

function refuses(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (PeerError.is(error)) return true;
    throw error;
  }
}
