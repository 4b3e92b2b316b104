import { definePlugin, PLUGIN_STATE, type Handshake, type Hooks, type PeerNode } from '@pea2pea/core';
import { invalidConfig } from '@pea2pea/core/authoring';
import type { TlsCredentials, TlsOptions } from './options.js';
import { inUseBy, TlsContext } from './tls-context.js';
import { tlsHandshake } from './tls-handshake.js';

/**
 * Secures every connection of a peer with TLS, in both directions, over `node:tls`; the side that dialled is the client.
 * {@link tls} makes it.
 *
 * note: list it before plugins that need the encrypted stream or the identity of the peer, and after plugins that speak in
 * plaintext first, such as STARTTLS.
 * note: the notes and errors of {@link tlsHandshake} apply here, too.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option; P2P_ERR_UNSUPPORTED under Bun
 */
export class Tls implements Hooks<unknown> {
  /** Its name among the plugins of a node. */
  static readonly plugin = { name: 'tls' };
  readonly #context: TlsContext;
  #secured = 0;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: TlsOptions) {
    this.#context = new TlsContext(options);
    if (node.config.listen !== undefined && options.cert === undefined) {
      throw invalidConfig('`cert` and its `key` are required for a peer that listens');
    }
  }

  /**
   * Replaces keys and certificates; see {@link TlsContext.setSecureContext}.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option; nothing is replaced then
   */
  setSecureContext(credentials: TlsCredentials): void {
    this.#context.setSecureContext(credentials);
  }

  /** Performs the handshake; see {@link tlsHandshake}. */
  async onHandshake(handshake: Handshake): Promise<void> {
    await tlsHandshake(handshake, this.#context);
    this.#secured++;
  }

  /** What snapshots show: its certificates, until when they are valid, and what is asked of peers. No keys. */
  [PLUGIN_STATE](): unknown {
    const { certificates, policy } = inUseBy(this.#context);
    const { minVersion, maxVersion, requestCert, rejectUnauthorized } = policy;
    return {
      certificates,
      minVersion,
      maxVersion,
      requestCert,
      rejectUnauthorized,
      secured: this.#secured,
    };
  }
}

/**
 * Lists {@link Tls} among the plugins of a node or a peer.
 *
 * ```ts
 * node.use(tls({ key, cert, ca, requestCert: true }));
 * @Peer({ codec, plugins: [tls({ key, cert, ca, requestCert: true })] })
 * ```
 */
export const tls = definePlugin(Tls);
