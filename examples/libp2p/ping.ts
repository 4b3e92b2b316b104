/**
 * `/ipfs/ping/1.0.0`: 32 bytes, and the same 32 bytes back; as often as the dialler likes.
 * Specification: https://github.com/libp2p/specs/blob/master/ping/ping.md
 */
import { randomBytes } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { readExactly, select, type Yamux, type YamuxStream } from '@pea2pea/streams';

export const PING = '/ipfs/ping/1.0.0';
const PING_LENGTH = 32;
const TIMEOUT_MS = 5_000;

/** Answers pings until the peer has had enough. What it does not read stops us from reading: nothing piles up. */
export async function answerPings(stream: YamuxStream): Promise<void> {
  await pipeline(stream, stream);
}

/** The round trip of a ping, in milliseconds. */
export async function ping(session: Yamux): Promise<number> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const stream = session.openStream();
  try {
    await select(stream, [PING], { signal });
    const sent = randomBytes(PING_LENGTH);
    const sentAtMs = performance.now();
    stream.write(sent);
    const received = await readExactly(stream, PING_LENGTH, { signal });
    if (!received.equals(sent)) throw new Error('other bytes came back than were sent');
    const rttMs = performance.now() - sentAtMs;
    stream.end().resume();
    return rttMs;
  } catch (error) {
    stream.destroy();
    throw error;
  }
}
