// Yamux sessions and multistream-select over TCP on the loopback, for tests/interop/streams, where the commands are: see
// stream-end.ts. It runs under the Node of this folder.
import { createHash } from 'node:crypto';
import { handle, select } from '@libp2p/multistream-select';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { say, serve } from '../lines/lines.mjs';

const CHUNK = 65_536;

const log = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  enabled: false,
  newScope: () => log,
});
const transport = tcp()({ logger: { forComponent: () => log } });

/** A stream that the test knows by number. Between reads it is paused. */
class Kept {
  #chunks = [];
  #listens = false;
  #over = undefined;
  #wake = () => {};
  #onMessage = ({ data }) => {
    this.#chunks.push(Buffer.from(data.subarray()));
    this.#wake();
  };

  constructor(stream) {
    this.stream = stream;
    stream.addEventListener('end', () => this.#end(undefined));
    stream.addEventListener('close', ({ error }) => {
      // Without an error, what waits to be read comes before `end`.
      if (error !== undefined || stream.readableEnded) this.#end(error);
    });
  }

  /** Reads `size` bytes, or to the end. */
  async read(size) {
    if (!this.#listens) {
      this.#listens = true;
      this.stream.addEventListener('message', this.#onMessage);
    }
    if (this.stream.readStatus === 'paused') {
      try {
        this.stream.resume();
      } catch {
        // When the session is over it delivers what was there, and then throws, as it cannot grant a window.
      }
    }
    const hash = createHash('sha256');
    let length = 0;
    for (;;) {
      while (this.#chunks.length > 0 && (size === 0 || length < size)) {
        const chunk = this.#chunks.shift();
        const wanted = size === 0 ? chunk : chunk.subarray(0, size - length);
        if (wanted.length < chunk.length) this.#chunks.unshift(chunk.subarray(wanted.length));
        hash.update(wanted);
        length += wanted.length;
      }
      if (size > 0 && length === size) return this.#done(hash, length, 'open');
      if (this.#over !== undefined) return this.#done(hash, length, this.#over.how);
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  async write(bytes) {
    for (let offset = 0; offset < bytes.length; offset += CHUNK) {
      if (!this.stream.send(bytes.subarray(offset, offset + CHUNK))) await this.stream.onDrain();
    }
  }

  /** Somebody else reads next. */
  release() {
    this.stream.removeEventListener('message', this.#onMessage);
    this.#listens = false;
    if (this.stream.readStatus === 'paused') this.stream.resume();
    return this.stream;
  }

  #done(hash, length, how) {
    if (how === 'open' && this.stream.readStatus === 'readable') this.stream.pause();
    return { length, digest: hash.digest('hex'), how };
  }

  /** The first `end` comes before a `close` that says why. */
  #end(error) {
    const failed =
      error ??
      (['reset', 'aborted'].includes(this.stream.status) ? { message: this.stream.status } : undefined);
    this.#over ??= { how: failed === undefined ? 'end' : String(failed.message) };
    this.#wake();
  }
}

const kept = [];
let connection;
let muxer;

const keep = (stream) => kept.push(new Kept(stream));
const at = ({ stream }) => kept[stream - 1];
const counted = (size, seed = 0) =>
  Buffer.from(Uint8Array.from({ length: size }, (_, index) => (seed + index) % 251));

async function echo(stream) {
  for await (const chunk of stream) {
    if (!stream.send(chunk)) await stream.onDrain();
  }
  await stream.close();
}

function begin(over, { raw, serve: serves, window, keepAliveMs = 0 }) {
  connection = over;
  if (raw) {
    keep(connection);
    return connection;
  }
  const streamOptions = window > 0 ? { initialStreamWindowSize: window, maxStreamWindowSize: window } : {};
  const keepAlive = { enableKeepAlive: keepAliveMs > 0, keepAliveInterval: keepAliveMs || undefined };
  muxer = yamux({ ...keepAlive, streamOptions })().createStreamMuxer(connection);
  muxer.addEventListener('stream', ({ detail: stream }) => {
    if (serves === 'echo') echo(stream).catch((error) => stream.abort(error));
    else say('stream', { stream: keep(stream) });
  });
  return connection;
}

serve({
  async listen(options) {
    const upgrader = {
      upgradeInbound: async (over) => {
        begin(over, options);
        say('session');
      },
    };
    const listener = transport.createListener({ upgrader });
    await listener.listen(multiaddr('/ip4/127.0.0.1/tcp/0'));
    return {
      port: Number(
        listener.getAddrs()[0].nodeAddress?.().port ?? String(listener.getAddrs()[0]).split('/')[4],
      ),
    };
  },
  async dial({ port, ...options }) {
    const upgrader = { upgradeOutbound: async (over) => begin(over, options) };
    await transport.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}`), {
      upgrader,
      signal: AbortSignal.timeout(10_000),
    });
  },
  open: async () => ({ stream: keep(await muxer.createStream()) }),
  write: (arguments_) => at(arguments_).write(counted(arguments_.size, arguments_.seed)),
  read: (arguments_) => at(arguments_).read(arguments_.size),
  async exchange(arguments_) {
    const read = at(arguments_).read(0);
    await at(arguments_).write(counted(arguments_.size, arguments_.seed));
    await at(arguments_).stream.close();
    return read;
  },
  closeWrite: (arguments_) => at(arguments_).stream.close(),
  reset: (arguments_) => at(arguments_).stream.abort(new Error('the test resets it')),
  ping: async () => void (await muxer.ping()),
  async closeSession() {
    await muxer.close();
    await connection.close();
  },
  cut: () => connection.abort(new Error('the test cuts it')),
  ended: () =>
    new Promise((resolve) => {
      const timer = setInterval(() => {
        if (muxer.status !== 'closed') return;
        clearInterval(timer);
        resolve();
      }, 5);
    }),
  select: async (arguments_) => ({
    protocol: await select(at(arguments_).release(), arguments_.protocols, { log }),
  }),
  handle: async (arguments_) => ({
    protocol: await handle(at(arguments_).release(), arguments_.protocols, { log }),
  }),
});
