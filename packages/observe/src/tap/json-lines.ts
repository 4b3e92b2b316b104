import type { CaptureCounts, FlowAbout, Format, Way } from './format.js';

/** A line of JSON for each thing that happened; bytes are in hexadecimal. */
export function jsonLines(): Format {
  return {
    begin: () => Buffer.alloc(0),
    open: (flow, { local, peer, ...about }: FlowAbout, atMs) =>
      line(atMs, { event: 'open', flow, ...about, local: String(local), peer: String(peer) }),
    bytes: (flow: number, way: Way, bytes, length, atMs) =>
      line(atMs, {
        event: 'bytes',
        flow,
        way,
        length,
        data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex'),
      }),
    skip: () => {},
    close: (flow, atMs) => line(atMs, { event: 'close', flow }),
    end: (counts: CaptureCounts, atMs) => line(atMs, { event: 'end', ...counts }),
  };
}

function line(atMs: number, fields: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(`${JSON.stringify({ at: new Date(atMs).toISOString(), ...fields })}\n`);
}
