import { createWriteStream } from 'node:fs';
import { finished, type Writable } from 'node:stream';
import type { Clock } from '@pea2pea/core';
import { defer } from '@pea2pea/core/authoring';
import type { CaptureCounts, FlowAbout, Format, Way } from './format.js';
import { jsonLines } from './json-lines.js';
import type { ResolvedTap } from './options.js';
import { pcapng } from './pcapng-format.js';

/** What {@link Recording.stop} resolves with. */
export interface CaptureReport extends CaptureCounts {
  /** Why nothing more was written, where that failed: a full disk, a folder that is not there. */
  readonly error?: Error;
}

/** One stream of bytes of a recording. */
export interface RecordedFlow {
  bytes(way: Way, bytes: Uint8Array): void;
  close(): void;
}

/** A file that is being recorded: bounded, and never in the way of the connection that it shows. */
export class Recording {
  readonly #options: ResolvedTap;
  readonly #clock: Clock;
  readonly #format: Format;
  readonly #to: Writable;
  readonly #open = new Set<number>();
  readonly #done = defer<CaptureReport>();
  #flows = 0;
  #frames = 0;
  #bytes = 0;
  readonly #dropped = { frames: 0, bytes: 0 };
  #error: Error | undefined;
  #stopped = false;

  constructor(options: ResolvedTap, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#format = options.format === 'pcapng' ? pcapng(options.maxFrameBytes) : jsonLines();
    const { to } = options;
    this.#to = typeof to === 'string' ? createWriteStream(to, { mode: 0o600 }) : to;
    this.#to.on('error', (error) => this.#failed(error));
    finished(this.#to, { readable: false }, (error) => {
      if (error !== undefined && error !== null) this.#failed(error);
      this.#stopped = true;
      this.#done.resolve(this.#report);
    });
    this.#to.write(this.#format.begin());
  }

  /** Resolves when it has ended and all of it is written. It never rejects. */
  get done(): Promise<CaptureReport> {
    return this.#done.promise;
  }

  /** What was recorded so far. */
  get counts(): CaptureCounts {
    return { frames: this.#frames, bytes: this.#bytes, dropped: { ...this.#dropped } };
  }

  /** Whether nothing more is recorded. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Whether some stream has not been closed. */
  get hasOpenFlows(): boolean {
    return this.#open.size > 0;
  }

  /** Begins a stream. Its methods are harmless after the end. */
  flow(about: FlowAbout): RecordedFlow {
    const number = ++this.#flows;
    if (!this.#stopped) {
      this.#open.add(number);
      this.#to.write(this.#format.open(number, about, this.#nowMs));
    }
    return {
      bytes: (way, bytes) => this.#record(number, way, bytes),
      close: () => this.#close(number),
    };
  }

  /** Ends all streams and the file. Calling it again joins the first call. */
  stop(): Promise<CaptureReport> {
    if (!this.#stopped) {
      for (const number of this.#open) this.#close(number);
      this.#stopped = true;
      this.#to.end(this.#format.end(this.counts, this.#nowMs));
    }
    return this.#done.promise;
  }

  #record(number: number, way: Way, bytes: Uint8Array): void {
    if (this.#stopped) return;
    const { maxBytes, maxFrames, maxFrameBytes, maxWaitingBytes } = this.#options;
    const kept = bytes.length > maxFrameBytes ? bytes.subarray(0, maxFrameBytes) : bytes;
    const isFull =
      this.#frames >= maxFrames ||
      this.#bytes + kept.length > maxBytes ||
      this.#to.writableLength > maxWaitingBytes;
    if (isFull) {
      this.#dropped.frames++;
      this.#dropped.bytes += bytes.length;
      this.#format.skip(number, way, bytes.length);
      return;
    }
    this.#frames++;
    this.#bytes += kept.length;
    this.#dropped.bytes += bytes.length - kept.length;
    this.#to.write(this.#format.bytes(number, way, kept, bytes.length, this.#nowMs));
  }

  #close(number: number): void {
    if (this.#stopped || !this.#open.delete(number)) return;
    this.#to.write(this.#format.close(number, this.#nowMs));
  }

  #failed(error: Error): void {
    this.#error ??= error;
    this.#stopped = true;
  }

  get #nowMs(): number {
    return this.#clock.date();
  }

  get #report(): CaptureReport {
    return { ...this.counts, ...(this.#error !== undefined && { error: this.#error }) };
  }
}
