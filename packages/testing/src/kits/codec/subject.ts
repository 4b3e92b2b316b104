import { PeerError } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import type { Codec } from '@pea2pea/core';
import type { CheckOptions } from './check-options.js';
import { ByteComparison, Comparison, same } from './comparison.js';
import { freshContexts } from './contexts.js';
import { Violation } from './codec-facts.js';
import type { CodecFact } from './codec-facts.js';
import { Receiver, Sender } from './one-way.js';

/** A codec under test, with what the checks need of it. */
export class Subject<In, Out> {
  readonly codec: Codec<In, Out>;
  readonly samples: readonly Out[];
  readonly options: CheckOptions<In, Out>;
  readonly maxFrameBytes: number;

  constructor(
    codec: Codec<In, Out>,
    samples: readonly Out[],
    options: CheckOptions<In, Out>,
    maxFrameBytes: number,
  ) {
    this.codec = codec;
    this.samples = samples;
    this.options = options;
    this.maxFrameBytes = maxFrameBytes;
  }

  /** Whether the network may hand out other messages than were sent, as long as the bytes are the same. */
  get merges(): boolean {
    return this.options.mergesMessages === true;
  }

  sender(codec: Codec<unknown, Out> = this.codec): Sender<Out> {
    return new Sender(codec, this.#contexts().sender);
  }

  receiver(onMessage: (message: In) => void): Receiver<In> {
    return new Receiver<In>(this.codec, this.#contexts().receiver, this.maxFrameBytes, onMessage);
  }

  /** The bytes of `messages`, sent over one connection. @throws {Violation} where one cannot be sent. */
  encode(fact: CodecFact, messages: readonly Out[] = this.samples): Buffer {
    const sender = this.sender();
    for (const message of messages) this.send(fact, sender, message);
    return sender.take();
  }

  send(fact: CodecFact, sender: Sender<Out>, message: Out): void {
    try {
      sender.send(message);
    } catch (cause) {
      throw new Violation(fact, `a sample cannot be sent: ${describe(cause)}`, { cause });
    }
  }

  comparison(fact: CodecFact, sent: readonly Out[] = this.samples): Comparison<In, Out> | ByteComparison {
    if (this.merges) return new ByteComparison(fact, sent);
    return new Comparison<In, Out>(fact, sent, this.options.equals ?? same);
  }

  /** `chunks` arrive over one connection, and must be `sent`. @throws {Violation} where they are not. */
  requireArrival(fact: CodecFact, chunks: readonly Buffer[], sent: readonly Out[] = this.samples): void {
    const comparison = this.comparison(fact, sent);
    const receiver = this.receiver(comparison.take);
    for (const chunk of chunks) this.arrive(fact, receiver, chunk);
    comparison.requireAll();
    if (receiver.left === 0) return;
    throw new Violation(fact, `${receiver.left} bytes are left when all messages have arrived`);
  }

  /** A piece of a sound stream arrives. @throws {Violation} where it is refused. */
  arrive(fact: CodecFact, receiver: Receiver<In>, chunk: Buffer): void {
    try {
      receiver.receive(chunk);
    } catch (error) {
      if (!PeerError.is(error)) throw error;
      throw new Violation(fact, `what was sent is refused: ${describe(error)}`, {
        input: chunk,
        cause: error,
      });
    }
  }

  #contexts(): ReturnType<typeof freshContexts> {
    return (this.options.contexts ?? freshContexts)();
  }
}
