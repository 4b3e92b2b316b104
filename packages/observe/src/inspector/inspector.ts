import { definePlugin, PLUGIN_STATE, type Hooks, type PeerNode } from '@pea2pea/core';
import { NodeSource } from './node-source.js';
import { resolveInspector, type InspectorOptions, type ResolvedInspector } from './options.js';
import { InspectorServer } from './server.js';

/**
 * Serves a page that shows what the node does: who is connected, what is refused, why connections end, what waits. {@link inspector}
 * makes it.
 *
 * ```ts
 * const node = new PeerNode({ codec }).use(inspector({ port: 9229 }));
 * await node.listen({ host: '0.0.0.0', port: 4000 });
 * console.log(node.plugin(inspector).url);
 * ```
 *
 * note: the page is on the loopback, and shows nothing to those who do not have the token in its address. Treat that address as a
 * password.
 * note: while no page is open it costs a few additions every five seconds, and the last thousand log lines in memory.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Inspector implements Hooks<unknown> {
  /** Its name among the plugins of a node. */
  static readonly plugin = { name: 'inspector' };
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedInspector;
  readonly #source: NodeSource;
  readonly #server: InspectorServer;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: InspectorOptions = {}) {
    this.#node = node;
    this.#options = resolveInspector(options);
    this.#source = new NodeSource('0', node, this.#options);
    this.#server = new InspectorServer([this.#source], this.#options);
  }

  /** The address of the page, with its token; undefined before the start and after the end. */
  get url(): string | undefined {
    return this.#server.url;
  }

  /** Serves the page. @throws what the system says where the port is taken */
  async onStart(): Promise<void> {
    await this.#server.start();
    this.#source.open();
    // Without the token: logs are read by many.
    this.#node.logger.info({ page: this.url?.replace(/#.*/, '') }, 'the inspector serves its page');
    if (this.#options.reachableFromOtherMachines) {
      const text = 'the inspector serves its page to other machines, without encryption';
      this.#node.logger.warn({ host: this.#options.host }, text);
    }
  }

  /** Ends the pages that are open. */
  async onStop(): Promise<void> {
    this.#source.close();
    await this.#server.stop();
  }

  /** What snapshots show of it: not the token. */
  [PLUGIN_STATE](): unknown {
    return {
      page: this.url?.replace(/#.*/, '') ?? null,
      actions: this.#options.actions,
      frames: this.#options.frames,
    };
  }
}

/** Lists {@link Inspector} among the plugins of a node: `node.use(inspector({ port: 0 }))`. */
export const inspector = definePlugin(Inspector);
