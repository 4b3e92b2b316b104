import { PeerError, SocketAddress } from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import {
  describeFacts,
  expectThat,
  findingsOf,
  type Check,
  type KitFinding,
  type DescribeOptions,
} from './finding.js';
import { TRANSPORT_FACTS, type TransportFact } from './transport-facts.js';
import { TransportSubject, type TransportNetwork } from './transport-subject.js';

/** More than any system holds for a peer that does not read. */
const MUCH = 24 * 1024 * 1024;
const CHUNK = 64 * 1024;

const CHECKS: Readonly<Record<TransportFact, Check<TransportSubject>>> = {
  async port(subject) {
    const listener = await subject.listen(new SocketAddress(subject.address.host, 0));
    expectThat(listener.address.port !== 0, 'the port of a listener is 0');
    await subject.end(listener);
  },
  async 'in-use'(subject) {
    const listener = await subject.listen();
    const code = await codeOf(subject.listen(listener.address));
    expectThat(code === 'P2P_ERR_LISTEN_FAILED', `a second listener: ${code}`);
    await subject.end(listener);
    await subject.end(await subject.listen(listener.address));
  },
  async refused(subject) {
    const listener = await subject.listen();
    await subject.end(listener);
    const code = await codeOf(subject.dial(listener.address));
    expectThat(code === 'P2P_ERR_CONNECT_FAILED', `a dial where nobody listens: ${code}`);
  },
  async resolve(subject) {
    const found = await subject.settled(
      'it resolves',
      Promise.resolve(subject.dialler.resolve(subject.address)),
    );
    expectThat(found.length > 0, 'no address');
  },
  async paused(subject) {
    const { here, there, listener } = await subject.pair();
    const isFlowing = [here, there].filter(({ stream }) => !stream.isPaused());
    expectThat(isFlowing.length === 0, 'a link that just arrived flows');
    await subject.end(listener, here);
  },
  async addresses(subject) {
    const { here, there, listener } = await subject.pair();
    const dialled = `${here.address} and ${there.localAddress}`;
    expectThat(here.address.port === there.localAddress.port, `the listener has two addresses: ${dialled}`);
    expectThat(there.address.port !== 0, 'the address of the dialler has no port');
    await subject.end(listener, here);
  },
  async carries(subject) {
    const { here, there, listener } = await subject.pair();
    const [up, down] = [patternOf(300_000, 1), patternOf(200_000, 2)];
    const [atThere, atHere] = [subject.reads(there), subject.reads(here)];
    for (let at = 0; at < up.length; at += 7_001) here.stream.write(up.subarray(at, at + 7_001));
    there.stream.write(down);
    await subject.until('all bytes arrive', () => {
      return atThere.bytes().length >= up.length && atHere.bytes().length >= down.length;
    });
    expectThat(
      atThere.bytes().equals(up) && atHere.bytes().equals(down),
      'other bytes arrived than were sent',
    );
    await subject.end(listener, here);
  },
  async backpressure(subject) {
    const { here, there, listener } = await subject.pair();
    let written = 0;
    for (let at = 0; at < MUCH; at += CHUNK) {
      here.stream.write(Buffer.alloc(CHUNK), (error) => {
        if (error === null || error === undefined) written += CHUNK;
      });
    }
    for (let count = 0; count < 100; count++) await subject.pass();
    expectThat(written < MUCH, 'all was written, and nobody read');
    const before = written;
    subject.reads(there);
    await subject.until('reading makes room', () => written > before);
    await subject.end(listener, here);
  },
  async 'half-close'(subject) {
    const { here, there, listener } = await subject.pair();
    const [atThere, atHere] = [subject.reads(there), subject.reads(here)];
    here.stream.end();
    await subject.until('the end arrives', () => atThere.hasEnded());
    there.stream.write('still here');
    await subject.until('the other direction goes on', () => atHere.bytes().toString() === 'still here');
    expectThat(!atHere.hasEnded(), 'both directions have ended');
    await subject.end(listener, here);
  },
  async 'last-words'(subject) {
    const { here, there, listener } = await subject.pair();
    const words = patternOf(100_000, 3);
    const atThere = subject.reads(there);
    here.stream.end(words);
    await subject.until('the end arrives', () => atThere.hasEnded());
    expectThat(atThere.bytes().equals(words), 'an end arrived before the last words');
    await subject.end(listener, here);
  },
  async reset(subject) {
    const { here, there, listener } = await subject.pair();
    let error: Error | undefined;
    there.stream.on('error', (thrown: Error) => {
      error = thrown;
    });
    subject.reads(there);
    here.reset();
    await subject.until('the reset shows', () => there.stream.destroyed && here.stream.destroyed);
    await subject.until('it is an error', () => error !== undefined);
    await subject.end(listener);
  },
  async gone(subject) {
    const { here, there, listener } = await subject.pair();
    const atThere = subject.reads(there);
    here.stream.destroy();
    await subject.until('the other side learns of it', () => atThere.hasEnded() || there.stream.destroyed);
    let hasFailed = there.stream.destroyed;
    const onWritten = (error?: Error | null): void => {
      hasFailed ||= error !== null && error !== undefined;
    };
    await subject.until('a write fails', () => {
      if (!hasFailed) there.stream.write('x', onWritten);
      return hasFailed;
    });
    await subject.end(listener);
  },
  async 'reuses-buffers'(subject) {
    const { here, there, listener } = await subject.pair();
    if (here.reusesBuffers) {
      const bytes = Buffer.alloc(50_000, 1);
      const atThere = subject.reads(there);
      let isWritten = false;
      here.stream.write(bytes, () => {
        isWritten = true;
        bytes.fill(2);
      });
      await subject.until('it is written', () => isWritten);
      await subject.until('it arrives', () => atThere.bytes().length === bytes.length);
      expectThat(atThere.bytes().equals(Buffer.alloc(50_000, 1)), 'bytes changed after they were written');
    }
    await subject.end(listener, here);
  },
  async 'never-reenters'(subject) {
    const { here, there, listener } = await subject.pair();
    const atThere = subject.reads(there);
    await subject.pass();
    here.stream.write('word');
    const isInside = atThere.bytes().length > 0;
    expectThat(!here.neverReenters || !isInside, 'a handler of the peer ran inside a write');
    await subject.until('the word arrives', () => atThere.bytes().length === 4);
    await subject.end(listener, here);
  },
  async cancel(subject) {
    const listener = await subject.listen();
    const reason = new PeerError('P2P_ERR_ABORTED', 'by the kit');
    const before = new CancellationSource();
    before.cancel(reason);
    const early = await errorOf(subject.dial(listener.address, { cancellation: before }));
    expectThat(early === reason, 'a dial that was cancelled before it began does not reject with the reason');
    const during = new CancellationSource();
    const dialling = errorOf(subject.dial(listener.address, { cancellation: during }));
    during.cancel(reason);
    expectThat(
      (await dialling) === reason,
      'a dial that was cancelled meanwhile does not reject with the reason',
    );
    await subject.end(listener);
  },
  async drained(subject) {
    const { here, there, listener } = await subject.pair();
    let hasDrained = false;
    const closing = listener.close().then(() => {
      hasDrained = true;
    });
    const code = await codeOf(subject.dial(listener.address));
    expectThat(code === 'P2P_ERR_CONNECT_FAILED', `a dial to a closed listener: ${code}`);
    expectThat(!hasDrained, 'a listener has drained, and a link of it lives');
    there.stream.destroy();
    here.stream.destroy();
    await subject.settled('the listener drains', closing);
  },
};

/**
 * Holds a transport to {@link TRANSPORT_FACTS}; returns what does not hold. `make` makes a network for each fact, which nothing
 * else uses.
 */
export function checkTransport(
  make: () => TransportNetwork | Promise<TransportNetwork>,
): Promise<KitFinding<TransportFact>[]> {
  return findingsOf(CHECKS, async () => new TransportSubject(await make()));
}

/**
 * A group of tests, one for each of {@link TRANSPORT_FACTS}; see {@link checkTransport}.
 *
 * @throws {PeerError} P2P_ERR_NO_TEST_RUNNER when there is no runner.
 */
export function describeTransport(
  name: string,
  make: () => TransportNetwork | Promise<TransportNetwork>,
  { runner }: DescribeOptions = {},
): void {
  describeFacts(name, TRANSPORT_FACTS, CHECKS, async () => new TransportSubject(await make()), runner);
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'nothing was refused';
  } catch (error) {
    return PeerError.is(error) ? error.code : `not a PeerError, but ${String(error)}`;
  }
}

function errorOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Bytes of which no stretch is like another. */
function patternOf(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 17 + seed) & 255;
  return bytes;
}
