import { PeerNode, type Handshake } from '@pea2pea/core';
import { configured, OnHandshake, Plugin, PluginOptions, type ConfiguredPlugin } from '@pea2pea/decorators';
import { invalid } from '../shared/checks.js';
import type { TlsCredentials, TlsOptions } from './options.js';
import { TlsContext } from './tls-context.js';
import { tlsHandshake } from './tls-handshake.js';

/**
 * TLS on every connection of a peer, both directions, by `node:tls`: the side that dialled is the client. {@link tls}
 * configures it.
 *
 * note: list it in front of what is to go through it, or to know who the peer is; behind what shall come before, such as
 * a plugin that says STARTTLS.
 * note: what {@link tlsHandshake} says holds here, too.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option, when the peer is made
 */
@Plugin({ inject: [PeerNode, PluginOptions] })
export class Tls {
  readonly #context: TlsContext;

  /** Made by the container; list {@link tls} in the `plugins` of a peer. */
  constructor(node: PeerNode<unknown>, options: TlsOptions) {
    this.#context = new TlsContext(options);
    if (node.config.listen !== undefined && options.cert === undefined) {
      throw invalid('`cert` and its `key` are needed by a peer that listens');
    }
  }

  /**
   * Replaces keys and certificates; see {@link TlsContext.setSecureContext}.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option; the old ones stay then
   */
  setSecureContext(credentials: TlsCredentials): void {
    this.#context.setSecureContext(credentials);
  }

  /** Called by the node. */
  @OnHandshake()
  async secure(handshake: Handshake): Promise<void> {
    await tlsHandshake(handshake, this.#context);
  }
}

/**
 * {@link Tls} with `options`, for the `plugins` of a peer.
 *
 * ```ts
 * @Peer({ codec, plugins: [tls({ key, cert, ca, requestCert: true })] })
 * ```
 */
export const tls = (options: TlsOptions): ConfiguredPlugin<Tls> => configured(Tls, options);
