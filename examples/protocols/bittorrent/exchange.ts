import { OnConnect, OnMessage, Session, SessionConnection } from '@pea2pea/decorators';
import type { Pieces } from './torrent.js';
import { bitsOf, BLOCK_LENGTH, setOf, wire, type Message, type Of } from './wire.js';

/** Blocks that are asked for before the first has come. */
const PIPELINE = 16;

/** What all connections share: the pieces, and who fetches which. */
export class Swarm {
  readonly exchanges = new Set<Exchange>();
  readonly fetching = new Set<number>();

  constructor(readonly pieces: Pieces) {}

  /** A piece that `theirs` has, we have not, and nobody fetches. */
  next(theirs: ReadonlySet<number>): number | undefined {
    for (const index of theirs) {
      if (!this.pieces.have.has(index) && !this.fetching.has(index)) return index;
    }
    return undefined;
  }
}

/** One peer, as we know it. */
@Session()
export class Exchange {
  #theirs = new Set<number>();
  #mayHaveBitfield = true;
  #theyChoke = true;
  #weChoke = true;
  #weAreInterested = false;
  /** What is fetched: a piece, the blocks that were asked for, and those that have not come. */
  #piece:
    | { readonly index: number; readonly bytes: Buffer; asked: number; readonly missing: Set<number> }
    | undefined;

  constructor(
    private readonly swarm: Swarm,
    private readonly peer: SessionConnection<Message>,
  ) {}

  @OnConnect()
  begin(): void {
    this.swarm.exchanges.add(this);
    const { have, torrent } = this.swarm.pieces;
    if (have.size > 0) this.say({ type: 'bitfield', bits: bitsOf(have, torrent.pieces.length) });
  }

  @OnMessage(wire, 'bitfield')
  bitfield({ bits }: Of<'bitfield'>): void {
    const have = setOf(bits, this.swarm.pieces.torrent.pieces.length);
    if (have === undefined || !this.#mayHaveBitfield) return this.#refuse('a bitfield makes no sense');
    this.#theirs = have;
    this.#fetch();
  }

  @OnMessage(wire, 'have')
  have({ index }: Of<'have'>): void {
    if (index >= this.swarm.pieces.torrent.pieces.length) return this.#refuse('there is no such piece');
    this.#theirs.add(index);
    this.#fetch();
  }

  @OnMessage(wire, 'choke')
  choke(): void {
    this.#theyChoke = true;
    this.#drop(); // what was asked for will not come
  }

  @OnMessage(wire, 'unchoke')
  unchoke(): void {
    this.#theyChoke = false;
    this.#fetch();
  }

  /** Everybody who asks may download: `maxConnections` bounds how many that are. */
  @OnMessage(wire, 'interested')
  interested(): void {
    this.#weChoke = false;
    this.say({ type: 'unchoke' });
  }

  @OnMessage(wire, 'uninterested')
  uninterested(): void {
    this.#weChoke = true;
    this.say({ type: 'choke' });
  }

  /** The next request of this peer is handled when this block is on its way: who asks for much and reads slowly waits. */
  @OnMessage(wire, 'request')
  async request({ index, begin, length }: Of<'request'>): Promise<void> {
    const { pieces } = this.swarm;
    const isInside = pieces.have.has(index) && length > 0 && begin + length <= pieces.lengthOf(index);
    if (!isInside || length > BLOCK_LENGTH) return this.#refuse('a request makes no sense');
    if (this.#weChoke) return;
    await this.peer.send({ type: 'piece', index, begin, bytes: await pieces.read(index, begin, length) });
  }

  @OnMessage(wire, 'piece')
  async block({ index, begin, bytes }: Of<'piece'>): Promise<void> {
    const piece = this.#piece;
    if (piece?.index !== index || !piece.missing.delete(begin)) return; // asked for before a choke, or there already
    if (bytes.length !== blockLength(piece.bytes, begin)) return this.#refuse('a block was not asked for');
    bytes.copy(piece.bytes, begin);
    if (piece.missing.size > 0) return this.#fetch();
    if (!(await this.swarm.pieces.store(index, piece.bytes)))
      return this.#refuse('a piece is not what the torrent says');
    this.#drop();
    for (const exchange of this.swarm.exchanges) exchange.say({ type: 'have', index });
    if (this.swarm.pieces.isComplete) console.log('complete');
    this.#fetch();
  }

  @OnMessage(wire)
  other(): void {}

  [Symbol.dispose](): void {
    this.swarm.exchanges.delete(this);
    this.#drop();
    for (const exchange of this.swarm.exchanges) exchange.#fetch(); // what this one was to fetch
  }

  say(message: Message): void {
    if (!this.peer.trySend(message)) void this.peer.disconnect('does not read');
  }

  #fetch(): void {
    const isInterested = this.swarm.next(this.#theirs) !== undefined || this.#piece !== undefined;
    if (isInterested !== this.#weAreInterested)
      this.say({ type: isInterested ? 'interested' : 'uninterested' });
    this.#weAreInterested = isInterested;
    if (this.#theyChoke || !isInterested) return;
    this.#piece ??= this.#take();
    const piece = this.#piece;
    if (piece === undefined) return;
    const blocks = Math.ceil(piece.bytes.length / BLOCK_LENGTH);
    while (piece.asked < blocks && piece.asked + piece.missing.size - blocks < PIPELINE) {
      const begin = piece.asked++ * BLOCK_LENGTH;
      this.say({ type: 'request', index: piece.index, begin, length: blockLength(piece.bytes, begin) });
    }
  }

  #take() {
    const index = this.swarm.next(this.#theirs);
    if (index === undefined) return undefined;
    this.swarm.fetching.add(index);
    const bytes = Buffer.alloc(this.swarm.pieces.lengthOf(index));
    const begins = Array.from(
      { length: Math.ceil(bytes.length / BLOCK_LENGTH) },
      (_, block) => block * BLOCK_LENGTH,
    );
    return { index, bytes, asked: 0, missing: new Set(begins) };
  }

  #drop(): void {
    if (this.#piece !== undefined) this.swarm.fetching.delete(this.#piece.index);
    this.#piece = undefined;
  }

  #refuse(why: string): void {
    void this.peer.disconnect(why);
  }
}

const blockLength = (piece: Buffer, begin: number): number => Math.min(BLOCK_LENGTH, piece.length - begin);
