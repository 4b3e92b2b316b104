import type { AgentOptions, Layer, LayerName, Order, Surroundings } from './layer.js';
import { NodeLayer } from './node-layer.js';
import { SocketLayer } from './socket-layer.js';

const BACKLOG = 511;

/** A program of one host. It does what it is told, at both layers, and says what happens. */
export class Agent {
  readonly #surroundings: Surroundings;
  readonly #options: AgentOptions;
  readonly #note: (layer: LayerName, what: string) => void;
  #layers: readonly Layer[] | undefined;

  constructor(
    surroundings: Surroundings,
    options: AgentOptions,
    note: (layer: LayerName, what: string) => void,
  ) {
    this.#surroundings = surroundings;
    this.#options = options;
    this.#note = note;
  }

  /** Resolves when it is done; of a dial, when that has come to something. */
  async carryOut(order: Order): Promise<void> {
    const backlog = order.do === 'listen' ? order.backlog : undefined;
    this.#layers ??= [
      new NodeLayer(this.#surroundings, this.#options, backlog, (what) => this.#note('node', what)),
      new SocketLayer(this.#surroundings, this.#options, (what) => this.#note('socket', what)),
    ];
    await Promise.all(this.#layers.map((layer) => carryOut(layer, order)));
  }
}

async function carryOut(layer: Layer, order: Order): Promise<void> {
  switch (order.do) {
    case 'listen':
      return layer.listen(order.backlog ?? BACKLOG);
    case 'dial':
      return layer.dial(order.host, order.from);
    case 'say':
      return layer.say(order.bytes);
    case 'end':
    case 'close':
    case 'reset':
    case 'pause':
    case 'resume':
      return layer[order.do]();
  }
}
