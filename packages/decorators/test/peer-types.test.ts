// The types of @Peer and of what starts a peer; see types.test.ts.
import { describe, expect, it } from '@jest/globals';
import { PeerNode, type CloseReport, type Codec } from '@pea2pea/core';
import { createPeer, Peer, peerModule, startPeer, type PeerHandle } from '@pea2pea/decorators';
import { LazyServiceIdentifier, type Container } from 'inversify';
import { textCodec } from '@pea2pea/testing';

interface Chat {
  readonly text: string;
}
interface Command {
  readonly command: 'stop' | 'go';
}

declare const chat: Codec<Chat>;
declare const client: Codec<Chat, Command>;
const text = textCodec();

class Transcript {
  readonly lines: string[] = [];
}
class Clock {
  readonly nowMs = 0;
}
const ROOM = Symbol('room');

export function whatCompiles() {
  @Peer({ codec: chat, name: 'a', listen: { host: '::', port: 0 }, inject: [Transcript, ROOM] })
  class Full {
    readonly room: string;
    constructor(_transcript: Transcript, room: string) {
      this.room = room;
    }
  }

  @Peer({ codec: client, inject: [PeerNode, new LazyServiceIdentifier(() => Clock)] })
  class Client {
    readonly node: PeerNode<Chat, Command>;
    constructor(node: PeerNode<Chat, Command>, _clock: Clock) {
      this.node = node;
    }
  }

  @Peer({ codec: chat, inject: [Transcript, Clock] })
  class Optional {
    readonly parts: unknown[];
    constructor(transcript: Transcript, clock = new Clock()) {
      this.parts = [transcript, clock];
    }
  }

  @Peer({ codec: chat, unmatched: 'ignore', inject: [Clock] })
  class Lenient {
    readonly clock: Clock;
    constructor(clock: Clock) {
      this.clock = clock;
    }
  }

  @Peer({ codec: chat, unmatched: 'disconnect' })
  abstract class ByType {
    readonly parts: unknown[];
    constructor(...parts: [Transcript, Clock]) {
      this.parts = parts;
    }
  }
  return [Full, Client, Optional, Lenient, ByType];
}

export function whatDoesNotCompile() {
  // @ts-expect-error the codec is missing
  @Peer({ name: 'a' })
  class Codecless {}

  // @ts-expect-error there is no such option
  @Peer({ codec: chat, maxConnectoins: 1 })
  class Misspelled {}

  // @ts-expect-error the other way round
  @Peer({ codec: chat, inject: [Clock, Transcript] })
  class Swapped {
    readonly parts: unknown[];
    constructor(transcript: Transcript, clock: Clock) {
      this.parts = [transcript, clock];
    }
  }

  // @ts-expect-error one is missing
  @Peer({ codec: chat, inject: [Transcript] })
  class TooFew {
    readonly parts: unknown[];
    constructor(transcript: Transcript, clock: Clock) {
      this.parts = [transcript, clock];
    }
  }

  // @ts-expect-error one is too many
  @Peer({ codec: chat, inject: [Transcript, Clock] })
  class TooMany {
    readonly transcript: Transcript;
    constructor(transcript: Transcript) {
      this.transcript = transcript;
    }
  }

  // @ts-expect-error the node carries what the codec does
  @Peer({ codec: chat, inject: [PeerNode] })
  class OtherNode {
    readonly node: PeerNode<Command>;
    constructor(node: PeerNode<Command>) {
      this.node = node;
    }
  }

  // @ts-expect-error no token
  @Peer({ codec: chat, inject: [42] })
  class Tokenless {}

  // @ts-expect-error dropping is called 'ignore'
  @Peer({ codec: chat, unmatched: 'drop' })
  class Unmatched {}

  return [Codecless, Misspelled, Swapped, TooFew, TooMany, OtherNode, Tokenless, Unmatched];
}

abstract class Unfinished {
  abstract finish(): void;
}
class Finished extends Unfinished {
  finish(): void {}
}

export async function whatStarts(container: Container) {
  const handle: PeerHandle<Finished> = await createPeer(Finished, { listen: false, config: { codec: text } });
  const again: PeerHandle<Finished> = await startPeer(container, Finished, { listen: { port: 1 } });
  container.load(peerModule(Finished, { maxConnections: 1, codec: chat }));
  const report: CloseReport = await handle.closeOn('SIGINT', 'SIGTERM').close({ timeoutMs: 1 });
  again.peer.finish();
  const unmatched: number = handle.unmatched;
  // @ts-expect-error counted by the handle alone
  handle.unmatched = unmatched + 1;
  // @ts-expect-error an option of @Peer, not of the node
  await createPeer(Finished, { config: { unmatched: 'ignore' } });
  // @ts-expect-error an abstract class cannot be instantiated
  await createPeer(Unfinished);
  // @ts-expect-error no signal
  again.closeOn('SIGNAL');
  // @ts-expect-error true says nothing about where
  await createPeer(Finished, { listen: true });
  return report;
}

describe('types of @Peer', () => {
  it('what compiles is a decorator at run time', () => {
    expect(typeof Peer({ codec: text })).toBe('function');
  });
});
