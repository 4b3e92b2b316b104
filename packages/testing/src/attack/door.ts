import { connect as secure } from 'node:tls';
import { PeerError, type Link, type SocketAddress, type Transport } from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { upgradeRequest, upgradeResponse } from '../altered/websocket-framing.js';
import { Conversation } from './conversation.js';
import type { Settings } from './options.js';

/** How long a server has to reply to a hello, which many do not. */
const HELLO_MS = 200;

/** The way into a server: dials, secures, and says hello. */
export class Door {
  readonly #settings: Settings;
  readonly #address: SocketAddress;
  #hasReplied: boolean | undefined;

  constructor(address: SocketAddress, settings: Settings) {
    this.#address = address;
    this.#settings = settings;
  }

  /** What opens a conversation, as bytes. */
  get hello(): Buffer {
    const { framing, path, hello } = this.#settings;
    const request = framing.name === 'websocket' ? [upgradeRequest(path, String(this.#address))] : [];
    return Buffer.concat([...request, ...(hello.length > 0 ? [framed(hello, this.#settings)] : [])]);
  }

  /** A link on which nothing was said. @throws {PeerError} */
  async dial(transport: Transport, localAddress?: string): Promise<Link> {
    const { patienceMs, clock, tls } = this.#settings;
    const [address = this.#address] = await transport.resolve(this.#address);
    const cancellation = new CancellationSource();
    const timer = clock.setTimeout(() => {
      const what = `${address} could not be reached within ${patienceMs} ms`;
      cancellation.cancel(new PeerError('P2P_ERR_CONNECT_TIMEOUT', what));
    }, patienceMs);
    try {
      const options = { noDelay: true, keepAlive: false, cancellation, localAddress };
      const link = await transport.connect(address, options);
      return tls ? await this.#secured(link, cancellation) : link;
    } finally {
      timer.cancel();
    }
  }

  /** A link on which all was said that an honest client says first. @throws {Error} where the server refused that */
  async enter(transport: Transport, localAddress?: string): Promise<Conversation> {
    const { framing, hello, patienceMs, clock } = this.#settings;
    const conversation = new Conversation(await this.dial(transport, localAddress), framing, clock);
    conversation.say(this.hello);
    if (framing.name === 'websocket') {
      const saw = await conversation.hear(upgradeResponse, patienceMs);
      if (saw !== 'a reply') throw refused(saw);
    }
    if (hello.length > 0 && this.#hasReplied !== false) {
      const saw = await conversation.hearFrame(undefined, this.#hasReplied === true ? patienceMs : HELLO_MS);
      this.#hasReplied ??= saw === 'a reply';
      if (saw !== 'a reply' && saw !== 'silence') throw refused(saw);
    }
    return conversation;
  }

  #secured(link: Link, { signal }: { readonly signal: AbortSignal }): Promise<Link> {
    return new Promise((resolve, reject) => {
      const stream = secure({ socket: link.stream, rejectUnauthorized: false });
      const fail = (error: unknown): void => {
        link.reset();
        reject(error);
      };
      stream.once('error', fail);
      stream.on('error', () => {});
      signal.addEventListener('abort', () => fail(signal.reason), { once: true });
      stream.once('secureConnect', () => {
        stream.off('error', fail);
        const { address, localAddress, reusesBuffers, neverReenters } = link;
        stream.pause();
        resolve({ stream, address, localAddress, reusesBuffers, neverReenters, reset: () => link.reset() });
      });
    });
  }
}

/** What is said, as bytes of the protocol. */
export function framed(said: Uint8Array | string, { framing }: Settings): Buffer {
  return framing.frame(Buffer.from(said));
}

/** With a number in place of `%n`. */
export function numbered(said: Uint8Array | string, number: number): Buffer | string {
  return typeof said === 'string' ? said.replaceAll('%n', String(number)) : Buffer.from(said);
}

function refused(saw: string): Error {
  return new PeerError('P2P_ERR_CONNECT_FAILED', `the server let nobody in: an honest client saw ${saw}`);
}
