// What must not compile against the packages as they are published. Compiled by tests/consumers.test.ts, never run.
import { lines } from '@pea2pea/codecs';
import { OnMessage, Peer } from '@pea2pea/decorators';

const codec = lines();

class Clock {
  readonly nowMs = 0;
}
class Transcript {
  readonly lines: string[] = [];
}

// @ts-expect-error the other way round
@Peer({ codec, inject: [Transcript, Clock] })
export class Swapped {
  constructor(
    readonly clock: Clock,
    readonly transcript: Transcript,
  ) {}
}

// @ts-expect-error one is missing
@Peer({ codec, inject: [Clock] })
export class TooFew {
  constructor(
    readonly clock: Clock,
    readonly transcript: Transcript,
  ) {}
}

// @ts-expect-error one is too many
@Peer({ codec, inject: [Clock, Transcript] })
export class TooMany {
  constructor(readonly clock: Clock) {}
}

@Peer({ codec })
export class Handlers {
  // @ts-expect-error the codec makes texts
  @OnMessage(codec)
  onLine(_line: Buffer): void {}
}
