/** The process of one of the two: `peer <name> <host> [--namespaced]`. */
import { once } from 'node:events';
import { PeerError, SocketAddress } from '@pea2pea/core';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';
import { ContainerModule } from 'inversify';
import { putUpFirewall } from './firewall.js';
import { Partner, role, SECRET } from './hole.js';
import { useCable } from './namespaces.js';
import type { Order, Report } from './peer-process.js';
import { signals, type Only, type Signal } from './signals.js';

/** Long enough to be sure that nothing comes. */
const ALONE_MS = 300;
/** On loopback it takes some hundred attempts, and two processors: a SYN is there, and refused, before `connect` returns. */
const PUNCH_MS = 20_000;

const [name = '', host = '', namespaced] = process.argv.slice(2);
const onOrphaned = (): void => process.exit(1);
process.on('disconnect', onOrphaned);
process.on('SIGINT', () => {}); // that is for whoever started us: it ends us

@Peer({ codec: signals })
class Visitor {
  readonly #waiting = new Map<string, (message: Signal) => void>();

  /** The next message of that type. */
  next<Type extends 'partner' | 'go'>(type: Type): Promise<Only<Type>> {
    return new Promise((resolve) => this.#waiting.set(type, resolve as (message: Signal) => void));
  }

  @OnMessage(signals)
  onSignal(message: Signal): void {
    this.#waiting.get(message.type)?.(message);
  }
}

function report(message: Report): void {
  process.send!(message);
}

async function order<What extends Order['order']>(what: What): Promise<Extract<Order, { order: What }>> {
  const [message] = (await once(process, 'message')) as [Order];
  if (message.order !== what) throw new Error(`expected the order ${what}, not ${message.order}`);
  return message as Extract<Order, { order: What }>;
}

async function run(): Promise<void> {
  report({ what: 'started' });
  const { rendezvous } = await order('plugged');
  if (namespaced !== undefined) useCable(host);
  report({ what: 'plugged', firewall: namespaced === undefined ? 'none' : putUpFirewall() });

  // A local address given, the system picks a port that can be dialled from again.
  const visitor = await createPeer(Visitor);
  const introduced = visitor.peer.next('partner');
  const visit = await visitor.node.connect(rendezvous, { localAddress: host });
  await visit.send({ type: 'join', name });
  const partner = await introduced;

  const bindings = new ContainerModule(({ bind }) => {
    bind(SECRET).toConstantValue(Buffer.from(partner.secret, 'hex'));
  });
  const handle = await createPeer(Partner, { bindings });
  const { peer, node } = handle;
  peer.onWords = (text) => report({ what: 'heard', text });
  const [from, to] = [visit.localAddress, SocketAddress.from(partner.address)];

  // The one whose name comes first shows what happens without the other.
  if (name < partner.name) {
    const options = { localAddress: from.host, localPort: from.port, timeoutMs: ALONE_MS };
    const answer = await node.connect(to, options).then(
      () => 'a connection',
      (error: PeerError) => error.code,
    );
    report({ what: 'alone', answer });
  }

  const started = visitor.peer.next('go');
  await visit.send({ type: 'ready' });
  await started;
  const { connection, attempts } = await peer.punch(from, to, AbortSignal.timeout(PUNCH_MS));
  const { direction } = connection;
  const { accepted } = node.heuristics;
  report({ what: 'open', direction, role: connection.context.get(role)!, attempts, accepted });
  const leave = order('leave');
  await connection.send(`hello from ${name}`);

  await leave;
  await handle.close();
  await visitor.close();
  process.off('disconnect', onOrphaned);
  process.disconnect();
}

await run().catch((error: Error) => {
  const gaveUp = PeerError.is(error, 'P2P_ERR_ABORTED');
  console.error(`${name}: ${gaveUp ? `no SYNs crossed in ${PUNCH_MS / 1e3} s` : error.message}`);
  process.exit(1);
});
