import type { Connection, Handshake } from '@pea2pea/core';
import type { ChaosNode } from './chaos-node.js';
import type { Dice } from './dice.js';
import { putMaskOn } from './greeting.js';
import { keepDetached } from './handing-over.js';
import { blockOf, chaosCodec, frame, frameDecoder, type ChaosMessage } from './message.js';
import { oddValue } from './odd-values.js';
import { streamLogs } from './stream-log.js';
import { talks, type Talk } from './talk.js';
import { pause } from './time.js';
import type { World } from './world.js';

/** INVARIANTS.md, fair-turns. */
const READS_PER_TURN = 64;
/** More than can be read one by one in a turn, and in several. */
const SINGLES = 300;

const never = (): Promise<never> => new Promise(() => {});

/** Who renegotiates which of its connections. */
interface Side {
  readonly world: World;
  readonly chaos: ChaosNode;
  readonly connection: Connection<ChaosMessage>;
  readonly talk: Talk;
  readonly dice: Dice;
}

type Hook = (handshake: Handshake) => void | Promise<void>;

function sideOf(world: World, chaos: ChaosNode, connection: Connection<ChaosMessage>): Side {
  return { world, chaos, connection, talk: connection.context.get(talks)!, dice: chaos.dice };
}

/** Renegotiates without a word to the peer, who must not notice; or fails at it. */
export function renegotiate(
  world: World,
  chaos: ChaosNode,
  connection: Connection<ChaosMessage>,
): Promise<string> {
  const side = sideOf(world, chaos, connection);
  const fails = chaos.does('renegotiationFails');
  return run(side, fails ? 'fails' : 'alone', fails ? failing(side) : harmless(side));
}

/** Announces raw bytes, or another stream, to a peer that knows what to do with them, and keeps its word. */
export function announce(
  world: World,
  chaos: ChaosNode,
  connection: Connection<ChaosMessage>,
): Promise<string> {
  const side = sideOf(world, chaos, connection);
  const { dice, talk } = side;
  if (connection.context.get(streamLogs)?.peer.takesBlocks !== true) return Promise.resolve('not understood');
  if (talk.owes || !talk.mayRenegotiate(connection)) return Promise.resolve('not now');
  const kind = dice.chance(0.7) ? 'block' : 'mask';
  const message = chaos.message({ kind });
  // In the turn of the message: nothing may be queued between it and what it announces.
  if (!chaos.offer(message, [connection], () => connection.trySend(message)))
    return Promise.resolve('not queued');
  return run(side, `announces ${kind}`, kind === 'block' ? sendsBlock(side, message.number) : masks(side));
}

/** Does what the peer has announced with `message`; undefined where it was a plain one. */
export function comply(
  world: World,
  chaos: ChaosNode,
  connection: Connection<ChaosMessage>,
  { kind, number }: ChaosMessage,
): Promise<void> | undefined {
  if (kind === 'plain' || kind === undefined) return undefined;
  const side = sideOf(world, chaos, connection);
  const { dice, talk } = side;
  // It was meant for a hook that is not there any more.
  if (kind === 'masked') return world.disconnect(chaos, connection).then(() => {});
  talk.owes = true;
  if (dice.chance(0.3))
    return pause(chaos.place.clock, dice.integer(1, 40)).then(() => soon(side, kind, number));
  // Nobody has to wait for one that begins in the turn of its message.
  const beginsNow = !talk.isFrozen;
  const complying = soon(side, kind, number);
  return beginsNow && dice.chance(0.4) ? undefined : complying;
}

/** As soon as no other renegotiation is under way. */
async function soon(side: Side, kind: 'block' | 'mask', number: number): Promise<void> {
  const { world, chaos, connection, talk } = side;
  while (talk.isFrozen && connection.state === 'open') await pause(chaos.place.clock, 1);
  if (!talk.mayRenegotiate(connection)) {
    await world.disconnect(chaos, connection); // nobody reads what was announced
    return;
  }
  if (kind === 'mask') {
    const answer = chaos.message({ kind: 'masked' });
    if (!chaos.offer(answer, [connection], () => connection.trySend(answer))) {
      await world.disconnect(chaos, connection);
      return;
    }
  }
  talk.owes = false;
  const masked: Hook = (handshake) => putMaskOn(handshake, side.dice, chaos.place.clock);
  await run(side, `complies ${kind}`, kind === 'block' ? readsBlock(side, number) : masked);
}

/** Renegotiates with `hook`, and with what may go on around it. */
async function run(side: Side, what: string, hook: Hook): Promise<string> {
  const { world, chaos, connection, talk, dice } = side;
  const isAccepted = talk.mayRenegotiate(connection);
  const codec = dice.chance(0.4) ? chaosCodec(dice.chance(0.5), dice.integer(0, 1)) : undefined;
  const options = {
    ...(codec && { codec }),
    ...(dice.chance(0.3) && { timeoutMs: dice.integer(20, 400) }),
  };
  const before = connection.stats.messagesReceived;
  const renegotiating = connection.renegotiate(hook, options);
  if (isAccepted) talk.isFrozen = true;
  if (isAccepted && connection.stats.messagesReceived !== before)
    chaos.report('contract', `renegotiate() received a message`);
  if (isAccepted) interfere(side);
  const { ok, code } = await world.watchdog.watch(chaos, 'renegotiate', renegotiating);
  const fail = (what: string): void => chaos.report('contract', what);
  world.tally.add('(renegotiated)', `${what}: ${code}`);
  if (!isAccepted && ok) fail('a renegotiation was accepted that had to be refused');
  if (isAccepted && code === 'RENEGOTIATING') fail('a renegotiation was refused, and none was under way');
  if (isAccepted && !ok && connection.state === 'open') fail(`the connection outlived a failure (${code})`);
  return code;
}

/** What happens in the middle of a renegotiation. */
function interfere(side: Side): void {
  const { world, chaos, connection, dice } = side;
  if (dice.chance(0.1)) void world.trySend(chaos, connection);
  if (dice.chance(0.1)) void world.send(chaos, connection);
  if (dice.chance(0.1)) void run(side, 'again', () => {});
  if (dice.chance(0.1)) void world.watchdog.watch(chaos, 'drained', connection.drained());
  if (dice.chance(0.03)) void world.end(chaos, connection);
  if (dice.chance(0.02)) void world.disconnect(chaos, connection);
}

/** Hooks that leave the stream as it was. */
function harmless({ chaos, connection, talk, dice }: Side): Hook {
  const dawdle = (): Promise<void> => pause(chaos.place.clock, dice.integer(1, 60));
  const logs = connection.context.get(streamLogs)!;
  const hooks: readonly Hook[] = [
    () => {},
    dawdle,
    async (handshake) => {
      await Promise.race([handshake.peek(dice.integer(0, 3_000)), dawdle()]);
    },
    async (handshake) => {
      // What is read is put back, in two parts.
      const bytes = await Promise.race([handshake.peek(dice.integer(1, 300)), dawdle()]);
      if (!(bytes instanceof Buffer)) return;
      const read = await handshake.read(bytes.length);
      if (!read.equals(bytes)) chaos.report('content', `what peek saw did not stay`);
      const half = read.length >> 1;
      handshake.unread(read.subarray(half));
      if (dice.chance(0.3)) await dawdle();
      handshake.unread(read.subarray(0, half));
    },
    async (handshake) => {
      talk.wasTaken = true;
      handshake.takeStream();
      if (dice.chance(0.5)) await dawdle();
    },
    async (handshake) => {
      // A message that the hook writes itself is one like any other.
      if (!logs.peer.takesBlocks) return;
      const message = chaos.message();
      logs.own.queued(message.number);
      const writing = handshake.write(frame(message));
      if (dice.chance(0.5)) await writing;
    },
  ];
  return dice.pick(hooks)!;
}

/** Hooks that end the connection. */
function failing({ world, chaos, connection, dice }: Side): Hook {
  const hooks: readonly Hook[] = [
    () => {
      throw dice.chance(0.5) ? oddValue(dice) : new Error('a renegotiation throws');
    },
    async (handshake) => {
      await pause(chaos.place.clock, dice.integer(1, 60));
      handshake.reject('out of spite');
    },
    never,
    (handshake) => void handshake.takeStream().destroy(),
    async (handshake) => {
      await handshake.read(dice.integer(1, 10_000));
      throw new Error('a renegotiation has read, and throws');
    },
    (handshake) => {
      void world.disconnect(chaos, connection);
      return handshake.read(1).then(() => {});
    },
    async (handshake) => {
      if (dice.chance(0.5)) await pause(chaos.place.clock, dice.integer(1, 60));
      const logs = connection.context.get(streamLogs)!;
      logs.peer.isKept = true;
      await keepDetached(world, chaos, connection, handshake.detach(), logs);
    },
  ];
  return dice.pick(hooks)!;
}

function sendsBlock({ chaos, dice }: Side, number: number): Hook {
  return async (handshake) => {
    const block = blockOf(number);
    const stopsAt = chaos.does('renegotiationFails') ? dice.integer(0, block.length) : undefined;
    for (let at = 0; at < block.length;) {
      if (stopsAt !== undefined && at >= stopsAt) throw new Error('the rest of the block will not come');
      const size = dice.integer(1, block.length);
      const writing = handshake.write(block.subarray(at, at + size));
      if (dice.chance(0.5)) await writing;
      if (dice.chance(0.1)) await pause(chaos.place.clock, dice.integer(1, 20));
      at += size;
    }
  };
}

function readsBlock(side: Side, number: number): Hook {
  return async (handshake) => {
    if (side.chaos.does('renegotiationFails')) throw new Error('this block is not wanted');
    await readBlock(side, handshake, number);
  };
}

/** Reads the block, piece by piece: every byte has to be the one that follows. */
async function readBlock({ chaos, dice, talk }: Side, handshake: Handshake, number: number): Promise<void> {
  const block = blockOf(number);
  for (let at = 0; at < block.length;) {
    const isSingly = dice.chance(0.2);
    const size = Math.min(block.length - at, dice.integer(1, isSingly ? SINGLES : block.length));
    if (dice.chance(0.1)) await pause(chaos.place.clock, dice.integer(1, 20));
    if (dice.chance(0.2)) await handshake.peek(size);
    const bytes = isSingly ? await readSingly(chaos, handshake, size) : await handshake.read(size);
    talk.usedBytes += size;
    if (!bytes.equals(block.subarray(at, at + size))) {
      const what = `bytes ${at} to ${at + size} of the block after message ${number} are others`;
      chaos.report('content', what);
    }
    at += size;
  }
}

/** Asks for each byte by itself, all at once: no more than so many may be served before others have their turn. */
async function readSingly(chaos: ChaosNode, handshake: Handshake, size: number): Promise<Buffer> {
  await handshake.peek(size); // a turn that is noticed is an event: only as many as are needed
  const { clock } = chaos.place;
  let inTurn = 0;
  let isOver = false;
  const onTurn = (): void => {
    inTurn = 0;
    if (!isOver) clock.nextTurn(onTurn);
  };
  // Before the first read: the turns of the node are marked after these.
  onTurn();
  const served = (byte: Buffer): Buffer => {
    if (++inTurn === READS_PER_TURN + 1)
      chaos.report('turn', `more than ${READS_PER_TURN} reads were served in a turn`);
    return byte;
  };
  try {
    const reads = Array.from({ length: size }, () => handshake.read(1).then(served));
    return Buffer.concat(await Promise.all(reads));
  } finally {
    isOver = true;
  }
}

/** Reads what the peer had queued before it heard of the announcement, then goes on masked. */
function masks(side: Side): Hook {
  const { chaos, connection, talk, dice } = side;
  return async (handshake) => {
    const decoder = talk.counted(frameDecoder());
    for (;;) {
      const message = await handshake.receive(decoder);
      chaos.ledger.cameAside(connection, message);
      // Where both have announced it at once, each takes that of the other for the answer.
      if (message.kind === 'mask' || message.kind === 'masked') break;
      if (message.kind === 'block') await readBlock(side, handshake, message.number);
    }
    await putMaskOn(handshake, dice, chaos.place.clock);
  };
}
