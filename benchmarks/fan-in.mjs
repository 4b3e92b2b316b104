// Many senders of large messages into one receiver: the throughput benchmark of the original. The senders share a process.
import { contest } from './harness/contest.mjs';
import { rustOriginal } from './harness/rust-original.mjs';
import { nodeContestant } from './harness/traffic.mjs';

const SENDERS = [1, 10, 50, 100];
const SIZE = 32 * 1024;

export const seconds = 60;

export async function run({ seconds, emit, note }) {
  const rust = rustOriginal(note);
  const contestants = [
    rust,
    { ...nodeContestant('pea2pea', 'contestants/pea2pea.mjs'), against: rust.name },
    { ...nodeContestant('bare socket', 'contestants/bare-socket.mjs'), against: rust.name },
  ];
  for (const senders of SENDERS) {
    const results = await contest('fan-in', contestants, {
      size: SIZE,
      connections: senders,
      seconds: seconds / SENDERS.length,
      inBytes: true,
      more: { senders },
    });
    emit(results, { title: senders === 1 ? '1 sender' : `${senders} senders` });
  }
}
