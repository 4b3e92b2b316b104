// Our yamux as a stream muxer of js-libp2p: a session over a `MultiaddrConnection`, and its streams as streams of theirs.
import { Duplex } from 'node:stream';
import { AbstractStream, AbstractStreamMuxer } from '@libp2p/utils';
import { MuxerClosedError } from '@libp2p/interface';
import { Yamux } from '../../../packages/streams/dist/index.js';

/** The stress tests open 1000 streams at once. */
const MAX_STREAMS = 2_000;

export function pea2peaYamux() {
  return {
    protocol: '/yamux/1.0.0',
    createStreamMuxer: (connection) => new Muxer(connection, { protocol: '/yamux/1.0.0', name: 'pea2pea' }),
  };
}

/** A connection of theirs as a Duplex. Its data come through `Muxer.onData`. */
class Below extends Duplex {
  constructor(connection) {
    super();
    this.connection = connection;
    connection.addEventListener('close', ({ error }) => this.destroy(error));
  }

  _read() {
    if (this.connection.readStatus === 'paused') this.connection.resume();
  }

  _write(chunk, _encoding, callback) {
    try {
      // It keeps what it is given; ours may use a buffer again.
      if (this.connection.send(Uint8Array.from(chunk))) callback();
      else this.connection.onDrain().then(() => callback(), callback);
    } catch (error) {
      callback(error);
    }
  }
}

class Muxer extends AbstractStreamMuxer {
  constructor(connection, init) {
    super(connection, init);
    this.below = new Below(connection);
    this.session = new Yamux(this.below, {
      role: connection.direction === 'outbound' ? 'client' : 'server',
      maxStreams: MAX_STREAMS,
      acceptBacklog: MAX_STREAMS,
      closeTimeoutMs: 100,
      onStream: (stream) => this.onRemoteStream(new MuxedStream(stream, this.log)),
    });
  }

  /** Called with what comes from the connection. */
  onData(data) {
    for (const piece of data instanceof Uint8Array ? [data] : data) {
      if (!this.below.push(piece)) this.maConn.pause();
    }
  }

  onCreateStream() {
    if (this.session.state !== 'open') throw new MuxerClosedError();
    return new MuxedStream(this.session.openStream(), this.log);
  }

  async close(options) {
    if (this.status !== 'open') return;
    await super.close(options);
    this.session.goAway();
  }

  abort(error) {
    super.abort(error);
    void this.session.close();
  }
}

class MuxedStream extends AbstractStream {
  constructor(stream, log) {
    const direction = stream.direction;
    super({ id: String(stream.id), direction, log: log.newScope(`${direction}:${stream.id}`) });
    this.stream = stream;
    stream.on('data', (chunk) => this.onData(Uint8Array.from(chunk)));
    stream.on('end', () => this.onRemoteCloseWrite());
    stream.on('drain', () => this.onMuxerDrain());
    stream.on('close', () => {
      if (this.status !== 'open') return;
      if (stream.errored?.message.startsWith('the peer reset stream')) this.onRemoteReset();
      else this.onTransportClosed();
    });
  }

  sendData(data) {
    const canSendMore = this.stream.write(Uint8Array.from(data.subarray()));
    return { sentBytes: data.byteLength, canSendMore };
  }

  /** The FIN follows what was written; to wait for that would be to miss what comes meanwhile. */
  async sendCloseWrite() {
    this.stream.end();
  }

  /** Yamux has no frame for this. */
  async sendCloseRead() {}

  sendReset() {
    this.stream.destroy();
  }

  sendPause() {
    this.stream.pause();
  }

  sendResume() {
    this.stream.resume();
  }
}
