import { PeerError } from '@pea2pea/core';
import type { PeerErrorCode } from '@pea2pea/core';
import { Violation } from './codec-facts.js';
import type { Subject } from './subject.js';

export function rollback<In, Out>(subject: Subject<In, Out>): void {
  const fact = 'rollback';
  const { samples } = subject;
  for (const message of subject.options.unsendable ?? []) {
    const sender = subject.sender();
    for (const sample of samples) {
      subject.send(fact, sender, sample);
      if (!isRefused(() => sender.send(message))) throw new Violation(fact, 'an unsendable message was sent');
    }
    subject.requireArrival(fact, [sender.take()]);
  }
}

export function statelessEncoder<In, Out>(subject: Subject<In, Out>): void {
  if (subject.codec.statelessEncoder !== true) return;
  const fact = 'encodes-alike';
  const together = subject.encode(fact);
  const alone = Buffer.concat(subject.samples.map((sample) => subject.encode(fact, [sample])));
  if (together.equals(alone)) return;
  throw new Violation(fact, 'a message has other bytes over a new connection than after others', {
    input: together,
  });
}

export function limitMet<In, Out>(subject: Subject<In, Out>): void {
  const { limit } = subject.options;
  if (limit === undefined) return;
  const wire = subject.encode('limit-met', [limit.largest]);
  subject.requireArrival('limit-met', [wire], [limit.largest]);
  const middle = Math.floor(wire.length / 2);
  subject.requireArrival('limit-met', [wire.subarray(0, middle), wire.subarray(middle)], [limit.largest]);
}

export function limitExceeded<In, Out>(subject: Subject<In, Out>): void {
  const { limit } = subject.options;
  if (limit === undefined) return;
  const fact = 'limit-exceeded';
  const sender = subject.sender();
  if (!isRefused(() => sender.send(limit.tooLarge), 'P2P_ERR_FRAME_TOO_LARGE')) {
    throw new Violation(fact, 'a message over the limit is not refused with P2P_ERR_FRAME_TOO_LARGE');
  }
  if (limit.roomier === undefined) return;
  const roomy = subject.sender(limit.roomier);
  subject.send(fact, roomy, limit.tooLarge);
  // All but the last byte: a decoder that notices at the end has kept everything before.
  const input = roomy.take().subarray(0, -1);
  const receiver = subject.receiver(() => {
    throw new Violation(fact, 'a message over the limit arrived', { input });
  });
  if (isRefused(() => receiver.receive(input), 'P2P_ERR_FRAME_TOO_LARGE')) return;
  throw new Violation(fact, 'a frame over the limit is not refused before all of it arrived', { input });
}

/** Whether `run` throws, with this code if one is given. What is not a refusal at all passes through. */
function isRefused(run: () => void, code?: PeerErrorCode): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof Violation) throw error;
    return code === undefined || PeerError.is(error, code);
  }
}
