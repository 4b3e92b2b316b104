// The floor: `node:net` and the framing of `lengthDelimited()` (four bytes of length, big endian), written by hand for
// speed and nothing else. No limits, no deadlines, no hooks. A message is handed on as a view into what arrived.
import { createServer, createConnection } from 'node:net';
import { once } from 'node:events';

const HEAD = 4;
const SLAB = 64 * 1024;
/** Filled while others are written. */
const SLABS = 4;
/** From here on a payload goes out by reference, as many at once as fit into a batch. */
const BY_REFERENCE = 16 * 1024;
const BATCH = 256 * 1024;

export async function listen(count) {
  const server = createServer({ noDelay: true }, (socket) => receive(socket, count));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

export async function connect(port) {
  const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  const slabs = Array.from({ length: SLABS }, () => Buffer.allocUnsafeSlow(SLAB));
  return (payload, messages) =>
    payload.length < BY_REFERENCE
      ? sendCopies(socket, slabs, payload, messages)
      : sendReferences(socket, payload, messages);
}

/** Fills slabs with frames and writes each as one piece; resolves when the system has them all. */
function sendCopies(socket, slabs, payload, messages) {
  const frame = HEAD + payload.length;
  const perSlab = Math.floor(SLAB / frame);
  let left = messages;
  return new Promise((resolve) => {
    let flying = 0;
    const fillAndWrite = (slab) => {
      const frames = Math.min(left, perSlab);
      if (frames === 0) {
        if (flying === 0) resolve();
        return;
      }
      left -= frames;
      let at = 0;
      for (let index = 0; index < frames; index++) {
        putHead(slab, at, payload.length);
        slab.set(payload, at + HEAD);
        at += frame;
      }
      flying++;
      socket.write(at === SLAB ? slab : slab.subarray(0, at), () => {
        flying--;
        fillAndWrite(slab);
      });
    };
    for (const slab of slabs) fillAndWrite(slab);
  });
}

/** Writes heads and payloads as they are, a batch at a time. */
async function sendReferences(socket, payload, messages) {
  const head = Buffer.alloc(HEAD);
  putHead(head, 0, payload.length);
  const perBatch = Math.ceil(BATCH / payload.length);
  for (let left = messages; left > 0;) {
    const frames = Math.min(left, perBatch);
    left -= frames;
    let taken;
    socket.cork();
    for (let index = 0; index < frames; index++) {
      socket.write(head);
      taken = socket.write(payload);
    }
    socket.uncork();
    if (!taken && socket.writableNeedDrain) await once(socket, 'drain');
  }
}

function putHead(bytes, at, length) {
  bytes[at] = length >>> 24;
  bytes[at + 1] = length >>> 16;
  bytes[at + 2] = length >>> 8;
  bytes[at + 3] = length;
}

function headAt(bytes, at) {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** Decodes where the bytes lie; only a frame that spans chunks is put together, once. */
function receive(socket, count) {
  /** The head of a frame of which not all four bytes have come. */
  const head = Buffer.alloc(HEAD);
  let headFilled = 0;
  /** A payload of which the first bytes have come. */
  let partial;
  let partialFilled = 0;

  socket.on('data', (chunk) => {
    const end = chunk.length;
    let at = 0;
    if (headFilled > 0) at = completeHead(chunk);
    if (partial !== undefined) at = completePayload(chunk, at);
    while (at + HEAD <= end) {
      const length = headAt(chunk, at);
      at += HEAD;
      if (at + length > end) {
        partial = Buffer.allocUnsafeSlow(length);
        partialFilled = chunk.copy(partial, 0, at, end);
        return;
      }
      count(chunk.subarray(at, at + length));
      at += length;
    }
    if (at < end) headFilled = chunk.copy(head, 0, at, end);
  });

  function completeHead(chunk) {
    const copied = chunk.copy(head, headFilled, 0, HEAD - headFilled);
    headFilled += copied;
    if (headFilled < HEAD) return copied;
    headFilled = 0;
    partial = Buffer.allocUnsafeSlow(headAt(head, 0));
    partialFilled = 0;
    return copied;
  }

  function completePayload(chunk, at) {
    const copied = chunk.copy(partial, partialFilled, at);
    partialFilled += copied;
    if (partialFilled < partial.length) return at + copied;
    const message = partial;
    partial = undefined;
    count(message);
    return at + copied;
  }
}
