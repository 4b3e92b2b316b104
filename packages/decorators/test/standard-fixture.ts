// Compiled twice: by jest in legacy mode, and by standard-decorators.test.ts in standard mode.
import {
  PeerNode,
  type AcceptRequest,
  type Connection,
  type DisconnectReason,
  type Handshake,
} from '@pea2pea/core';
import {
  OnAccept,
  OnConnect,
  OnDisconnect,
  OnError,
  OnHandshake,
  OnMessage,
  Peer,
} from '@pea2pea/decorators';
import { numeric } from './message-lab.js';
import { textCodec } from './text-codec.js';

const codec = textCodec();

export class Transcript {
  readonly lines: string[] = [];
}

class Greeter {
  readonly transcript: Transcript;
  readonly node: PeerNode<string>;

  constructor(transcript: Transcript, node: PeerNode<string>) {
    this.transcript = transcript;
    this.node = node;
  }

  @OnConnect()
  greet(connection: Connection<string>) {
    this.transcript.lines.push('connect');
    connection.trySend('welcome');
  }
}

@Peer({ codec, inject: [Transcript, PeerNode] })
export class StandardPeer extends Greeter {
  @OnAccept()
  accept(_request: AcceptRequest) {
    this.transcript.lines.push('accept');
  }

  @OnHandshake()
  async shake(handshake: Handshake) {
    await Promise.resolve();
    this.transcript.lines.push(`handshake ${handshake.direction}`);
  }

  @OnMessage(codec)
  read(message: string, _connection: Connection<string>) {
    this.transcript.lines.push(message);
    throw new Error(`no ${message}`);
  }

  @OnError()
  failed(error: unknown) {
    this.transcript.lines.push(String(error));
  }

  @OnDisconnect()
  gone(_connection: Connection<string>, { origin }: DisconnectReason) {
    this.transcript.lines.push(`disconnect ${origin}`);
  }
}

@Peer({ codec, name: 'derived' })
export class DerivedPeer extends StandardPeer {
  override read(message: string) {
    this.transcript.lines.push(`derived ${message}`);
  }
}

@Peer({ codec, inject: [Transcript, PeerNode], unmatched: 'ignore' })
export class RoutedPeer extends Greeter {
  @OnMessage(numeric)
  number(message: number) {
    this.transcript.lines.push(`number ${message + 1}`);
  }

  @OnMessage((message: string) => message.startsWith('/'))
  command(message: string, _connection: Connection<string>) {
    this.transcript.lines.push(`command ${message}`);
  }
}

@Peer({ codec, inject: [Transcript, PeerNode] })
export class GreedyPeer extends Greeter {
  @OnMessage(codec)
  all(_message: string) {}

  @OnMessage(numeric)
  number(_message: number) {}
}
