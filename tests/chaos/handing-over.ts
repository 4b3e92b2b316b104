import type { Connection, Detached, Link } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ChaosNode } from './chaos-node.js';
import { MaskedStream } from './greeting.js';
import { blockOf, frameDecoder, type ChaosMessage } from './message.js';
import type { StreamLogs } from './stream-log.js';
import { streamLogs } from './stream-log.js';
import { takenFrom } from './taken-bytes.js';
import { talks, type Talk } from './talk.js';
import { pause } from './time.js';
import type { World } from './world.js';

/** Takes the stream of a connection, and does with it what it likes. */
export async function detach(
  world: World,
  chaos: ChaosNode,
  connection: Connection<ChaosMessage>,
): Promise<string> {
  const logs = connection.context.get(streamLogs)!;
  const talk = connection.context.get(talks)!;
  logs.peer.isKept = true;
  const isAccepted = talk.mayRenegotiate(connection);
  const detaching = connection.detach();
  if (isAccepted) talk.isFrozen = true;
  const outcome = await world.watchdog.watch(chaos, 'detach', detaching);
  if (!outcome.ok) {
    logs.peer.isKept = false;
    return outcome.code;
  }
  const fail = (what: string): void => chaos.report('contract', what);
  if (connection.state !== 'closed') fail(`detach() ended, the connection is ${connection.state}`);
  if (chaos.node.connections.all(connection.address).includes(connection))
    fail('a detached connection is in the table');
  // What comes next is not messages, where the peer has announced so and nobody has read it.
  const known = talk.owes ? undefined : logs;
  await keepDetached(world, chaos, connection, outcome.value, known);
  logs.peer.isKept = false;
  logs.peer.close();
  return 'ok';
}

/** Reads for a while what was handed over, holds it against what the peer sent, and ends it. */
export async function keepDetached(
  world: World,
  chaos: ChaosNode,
  of: Pick<Connection, 'address' | 'localAddress' | 'context'>,
  { stream, head }: Detached,
  logs: StreamLogs | undefined,
): Promise<void> {
  const { dice, tap } = chaos;
  const { clock } = world.time;
  const link = tap.handedOver(of);
  const fail = (what: string): void => chaos.report('contract', what);
  if (stream.readableFlowing === true) fail('a stream was handed over that flows');
  if (stream.listenerCount('data') > 0) fail('a stream was handed over, and somebody still reads it');
  if (link !== undefined) weigh(chaos, link, { stream, head }, of.context.get(talks));
  const rest = new ChunkQueue();
  rest.push(head);
  if (dice.chance(0.5)) await pause(clock, dice.integer(1, 30));
  stream.on('data', (chunk: Buffer) => rest.push(chunk));
  await pause(clock, dice.integer(1, 100));
  if (logs !== undefined && logs.peer.takesBlocks) examine(chaos, rest, logs);
  if (dice.chance(0.5)) stream.end();
  await pause(clock, dice.integer(1, 20));
  stream.destroy();
}

/**
 * Every byte that was read from a link was used by somebody, or was handed over, or waits in what stands on the link: at every
 * instant, whatever comes meanwhile.
 */
function weigh(chaos: ChaosNode, link: Link, { stream, head }: Detached, talk: Talk | undefined): void {
  const taken = takenFrom(link.stream);
  if (taken === undefined || talk === undefined || stream.destroyed) return;
  const above = stream instanceof MaskedStream ? stream.waiting : 0;
  const left = taken - talk.usedBytes - above;
  if (left === head.length) return;
  const what = `${taken} bytes were read, ${talk.usedBytes} of them used, and ${above} wait above`;
  chaos.report('content', `a stream was handed over with ${head.length} bytes of ${left}: ${what}`);
}

/** What was left has to be what the peer sent next. */
function examine(chaos: ChaosNode, rest: ChunkQueue, { peer }: StreamLogs): void {
  const mayDrop = chaos.drops;
  const decoder = frameDecoder();
  try {
    for (;;) {
      const message = decoder.decode(rest);
      if (message === NEED_MORE) break;
      const wrong = peer.received(message, mayDrop);
      if (wrong !== undefined) chaos.report('content', `after it was detached, ${wrong}`);
      if (message.kind === 'mask' || message.kind === 'masked') break;
      if (message.kind !== 'block') continue;
      const block = blockOf(message.number);
      if (rest.length < block.length) break;
      if (!rest.read(block.length).equals(block))
        chaos.report('content', `after it was detached, a block had other bytes`);
    }
  } catch (error) {
    if (!PeerError.is(error)) throw error;
    chaos.report('content', `after it was detached, ${error.message}`);
  }
  peer.isKept = false;
  peer.close();
}
