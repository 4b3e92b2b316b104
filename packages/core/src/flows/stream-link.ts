import type { Duplex } from 'node:stream';
import type { Link } from '../contracts/transport.js';
import { resetStream } from '../mechanisms/reset.js';
import { SocketAddress } from '../net/socket-address.js';

const NOWHERE = new SocketAddress('localhost', 0);

/** A stream that somebody brought along, to `connect` or to `accept`. */
export class StreamLink implements Link {
  readonly stream: Duplex;
  readonly address: SocketAddress;
  readonly localAddress: SocketAddress;
  /** Nothing is known about who reads from it. */
  readonly reusesBuffers = false;
  readonly neverReenters = false;

  constructor(stream: Duplex, address: SocketAddress, localAddress = NOWHERE) {
    this.stream = stream;
    this.address = address;
    this.localAddress = localAddress;
    stream.pause();
    stream.allowHalfOpen = true; // as for sockets of our own: its peer may end first, and still hear from us
    stream.on('error', ignore);
  }

  reset(): void {
    resetStream(this.stream);
  }
}

function ignore(): void {}
