import { networkInterfaces } from 'node:os';
import { tcpTransport } from '@pea2pea/core';
import { Agent } from './agent.js';
import type { AgentOptions, Order } from './layer.js';
import type { Report } from './real-stage.js';

/** What the parent sends: first how to start, then what to do. */
interface Message {
  readonly id: number;
  readonly order: Order | { readonly start: AgentOptions; readonly address: string };
}

const SILENT = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };
let agent: Agent | undefined;

function tell(report: Report): void {
  process.send?.(report);
}

async function carryOut(order: Message['order']): Promise<void> {
  if ('start' in order) {
    const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    const isHere = own.some(({ address }) => address === order.address);
    const isElsewhere = own.some(
      ({ address, internal }) => !internal && address !== order.address && address.includes('.'),
    );
    // Not one byte outside of the namespaces that were made for it.
    if (!isHere || isElsewhere) throw new Error('this is not the namespace that it was to be');
    agent = new Agent({ transport: tcpTransport(), logger: SILENT }, order.start, (layer, what) =>
      tell({ fact: { atMs: Date.now(), layer, what } }),
    );
  } else {
    await agent?.carryOut(order);
  }
}

process.on('message', ({ id, order }: Message) => {
  carryOut(order).then(
    () => tell({ done: id }),
    (error: unknown) => tell({ done: id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
