import { definePlugin, type Handshake, type Hooks, type PeerNode } from '@pea2pea/core';
import { invalidConfig } from '@pea2pea/core/authoring';
import type { TlsCredentials, TlsOptions } from './options.js';
import { TlsContext } from './tls-context.js';
import { tlsHandshake } from './tls-handshake.js';

/**
 * TLS on every connection of a peer, both directions, by `node:tls`: the side that dialled is the client. {@link tls}
 * makes it.
 *
 * note: list it before what is to go through it, or to know who the peer is; after what shall come first, such as
 * a plugin that says STARTTLS.
 * note: what {@link tlsHandshake} says holds here, too.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Tls implements Hooks<unknown> {
  static readonly plugin = { name: 'tls' };
  readonly #context: TlsContext;

  constructor(node: PeerNode<unknown>, options: TlsOptions) {
    this.#context = new TlsContext(options);
    if (node.config.listen !== undefined && options.cert === undefined) {
      throw invalidConfig('`cert` and its `key` are needed by a peer that listens');
    }
  }

  /**
   * Replaces keys and certificates; see {@link TlsContext.setSecureContext}.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option; the old ones stay then
   */
  setSecureContext(credentials: TlsCredentials): void {
    this.#context.setSecureContext(credentials);
  }

  /** Secures the connection. */
  async onHandshake(handshake: Handshake): Promise<void> {
    await tlsHandshake(handshake, this.#context);
  }
}

/**
 * {@link Tls} with options.
 *
 * ```ts
 * node.use(tls({ key, cert, ca, requestCert: true }));
 * @Peer({ codec, plugins: [tls({ key, cert, ca, requestCert: true })] })
 * ```
 */
export const tls = definePlugin(Tls);
