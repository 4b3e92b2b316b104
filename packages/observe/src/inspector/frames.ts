import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { BytesDiagnostic, MessageDiagnostic, PeerNode, Timer } from '@pea2pea/core';
import { printable } from '@pea2pea/core/authoring';
import type { FramesShown } from './options.js';
import { shownBytes, shownMessage } from './masks.js';

/** How often a page is told: what comes between two times goes together. */
const FLUSH_MS = 250;
/** What is told at once; the rest is counted. */
const MOST_AT_ONCE = 100;
/** Bytes of a piece that are shown. */
const MOST_BYTES = 512;

/** Something that passed. */
interface Frame {
  readonly at: number;
  readonly way: 'received' | 'sent';
  readonly connection: number;
  readonly peer: string;
  readonly kind: 'message' | 'bytes';
  readonly length: number | null;
  readonly text: string | null;
  readonly hex: string | null;
}

interface Kept {
  readonly frame: Frame;
  readonly bytes: Uint8Array | undefined;
}

/** What passes through the connections of a node, for one page: bounded, and nothing where no page shows it. */
export class FrameTail {
  readonly #node: PeerNode<unknown>;
  readonly #connection: number | undefined;
  readonly #show: (frames: unknown) => void;
  #kept: Kept[] = [];
  #secrets: string[] = [];
  #skipped = 0;
  #timer: Timer | undefined;
  readonly #listeners: readonly (readonly [channel: string, listener: (event: unknown) => void])[];

  constructor(
    node: PeerNode<unknown>,
    shown: FramesShown,
    connection: number | undefined,
    show: (frames: unknown) => void,
  ) {
    this.#node = node;
    this.#connection = connection;
    this.#show = show;
    const messages = (['received', 'sent'] as const).map(
      (way) =>
        [
          `pea2pea:message:${way}`,
          (event: unknown) => this.#onMessage(way, event as MessageDiagnostic),
        ] as const,
    );
    const bytes = (['received', 'sent'] as const).map(
      (way) =>
        [`pea2pea:bytes:${way}`, (event: unknown) => this.#onBytes(way, event as BytesDiagnostic)] as const,
    );
    this.#listeners = shown === 'bytes' ? [...messages, ...bytes] : messages;
    for (const [channel, listener] of this.#listeners) subscribe(channel, listener);
  }

  end(): void {
    for (const [channel, listener] of this.#listeners) unsubscribe(channel, listener);
    this.#timer?.cancel();
    this.#kept = [];
  }

  #onMessage(way: Frame['way'], { nodeId, connection, message }: MessageDiagnostic): void {
    if (!this.#takes(nodeId, connection.id)) return;
    const { text, secrets } = shownMessage(message);
    this.#secrets.push(...secrets);
    this.#keep(
      {
        ...this.#about(way, connection),
        kind: 'message',
        length: message instanceof Uint8Array ? message.length : null,
        text,
        hex: null,
      },
      undefined,
    );
  }

  #onBytes(way: Frame['way'], { nodeId, connection, bytes }: BytesDiagnostic): void {
    if (!this.#takes(nodeId, connection.id)) return;
    const frame = { ...this.#about(way, connection), kind: 'bytes', length: bytes.length } as const;
    // What of them is secret is known when the messages in them are.
    this.#keep({ ...frame, text: null, hex: null }, bytes.slice(0, MOST_BYTES));
  }

  #about(way: Frame['way'], { id, address }: MessageDiagnostic['connection']) {
    return { at: this.#node.config.clock.date(), way, connection: id, peer: printable(String(address), 128) };
  }

  #takes(nodeId: number, connection: number): boolean {
    if (nodeId !== this.#node.inside.id) return false;
    if (this.#connection !== undefined && this.#connection !== connection) return false;
    this.#timer ??= this.#node.config.clock.setTimeout(() => this.#flush(), FLUSH_MS, { keepsAlive: false });
    if (this.#kept.length < MOST_AT_ONCE) return true;
    this.#skipped++;
    return false;
  }

  #keep(frame: Frame, bytes: Uint8Array | undefined): void {
    this.#kept.push({ frame, bytes });
  }

  #flush(): void {
    this.#timer = undefined;
    const [kept, secrets, skipped] = [this.#kept, this.#secrets, this.#skipped];
    this.#kept = [];
    this.#secrets = [];
    this.#skipped = 0;
    const frames = kept.map(({ frame, bytes }) =>
      bytes === undefined ? frame : { ...frame, hex: shownBytes(bytes, secrets) },
    );
    this.#show({ frames, skipped });
  }
}
