/**
 * A node that talks with libp2p: it dials a real js-libp2p node and is dialled by it, over TCP, Noise and yamux. Each
 * proves to the other who it is, tells it what it can, and pings it.
 *
 *   npm ci --prefix tests/interop/libp2p     once: js-libp2p, and the newer Node that it needs
 *   npm run example libp2p
 */
import { ContainerModule } from 'inversify';
import type { Connection, PeerError } from '@pea2pea/core';
import { createPeer } from '@pea2pea/decorators';
import type { FrameHeader } from '@pea2pea/streams';
import { identify } from './identify.js';
import { Identity } from './identity.js';
import { INSTALL, isInstalled, JsPeer } from './js-peer.js';
import { dial as dialAs, Libp2pNotes, Libp2pPeer } from './libp2p-peer.js';
import { formatMultiaddr } from './multiaddr.js';
import { ping } from './ping.js';
import { REMOTE, SESSION } from './upgrade.js';

if (!isInstalled()) {
  console.error(`js-libp2p is not installed here: ${INSTALL}`);
  process.exit(1);
}

function print(who: string, what: string): void {
  console.log(`${who.padEnd(4)} ${what}`);
}

type Libp2pConnection = Connection<FrameHeader, never>;

const notes = new Libp2pNotes((what) => print('we', what));
const we = await createPeer(Libp2pPeer, {
  bindings: new ContainerModule(({ bind }) => void bind(Libp2pNotes).toConstantValue(notes)),
});

const dial = (address: string): Promise<Libp2pConnection> => dialAs(we.node, notes, address);

const js = await JsPeer.start();
try {
  const { peerId } = notes.identity;
  const ourAddress = formatMultiaddr({ ...we.address!, peerId });
  print('we', `are ${peerId}`);
  print('js', `is  ${js.peerId}`);

  print('', 'we dial js-libp2p');
  const connection = await dial(js.address);
  print('we', `are connected with ${connection.context.get(REMOTE)!.peerId}`);
  const session = connection.context.get(SESSION)!;
  const { agentVersion, protocols } = await identify(session, connection.context.get(REMOTE)!);
  print('we', `hear that it is ${agentVersion.split(' ')[0]} and speaks ${protocols.join(', ')}`);
  const identified = await js.event('identified');
  print(
    'js',
    `hears that we are ${String(identified['agentVersion'])} and speak ${(identified['protocols'] as string[]).join(', ')}`,
  );
  print('we', `ping it: the same 32 bytes came back (${(await ping(session)).toFixed(1)} ms)`);
  print('we', `ping the session below: ${(await session.ping()).toFixed(1)} ms`);
  await connection.disconnect();
  await js.event('close');

  print('', 'js-libp2p dials us');
  const dialled = await js.run('dial', { address: ourAddress });
  print('js', `is connected with ${String(dialled['peerId'])}`);
  await js.run('ping', { address: ourAddress });
  print('js', 'pings us: the same 32 bytes came back');
  const [inbound] = [...we.node.connections] as Libp2pConnection[];
  print(
    'we',
    `ping it over the connection that it opened: ${(await ping(inbound!.context.get(SESSION)!)).toFixed(1)} ms`,
  );
  await js.run('hangUp');
  await inbound!.closed;

  print('', 'somebody else is at the address');
  const stranger = new Identity().peerId;
  await dial(js.address.replace(js.peerId, stranger)).catch((error: PeerError) =>
    print('we', `refuse it: ${error.code}`),
  );
  await js
    .run('ping', { address: ourAddress.replace(peerId, stranger) })
    .catch(() => print('js', 'refuses us'));
} finally {
  await Promise.all([we.close(), js.stop()]);
}
print('all', 'closed');
