import { plant, type Plant } from './plant.js';

const READER = 'connection/reader.ts';
const WRITER = 'connection/writer.ts';
const INTAKE = 'connection/intake.ts';
const HANDSHAKE = 'connection/handshake.ts';

/** Bugs in who has the bytes of a stream, and when: renegotiations, upgrades, budgets, turns. */
export const STREAM_PLANTS: readonly Plant[] = [
  // Renegotiations.
  plant(
    'decodes-too-far',
    'A renegotiation does not stop the decoder.',
    READER,
    '    this.#halted = true;\n    if (this.#hasStarted) stopListening(this.#stream);',
    '    if (this.#hasStarted) stopListening(this.#stream);',
  ),
  plant(
    'queues-in-a-renegotiation',
    'Messages are queued while the stream belongs to a hook.',
    WRITER,
    '    this.#isSuspended = true;\n',
    '',
  ),
  plant(
    'keeps-the-old-encoder',
    'After a renegotiation with a new codec the old encoder goes on.',
    WRITER,
    '    this.#encoder = encoder;\n    this.#quiet',
    '    this.#quiet',
  ),
  plant(
    'loses-the-head',
    'What had been read of a stream that is handed over is lost.',
    HANDSHAKE,
    '    return { stream, head };',
    '    return { stream, head: head.subarray(head.length) };',
  ),
  // Bytes below an upgrade.
  plant(
    'lost-at-an-upgrade',
    'What was read below a stream does not go back when another is put on top.',
    INTAKE,
    '    stream.unshift(received.read(received.length));',
    '    received.read(received.length);',
  ),
  plant(
    'doubled-at-an-upgrade',
    'What was read below a stream goes back twice.',
    INTAKE,
    '    stream.unshift(received.read(received.length));',
    '    stream.unshift(received.peekBytes(0, received.length));\n    stream.unshift(received.read(received.length));',
  ),
  plant(
    'clear-at-an-upgrade',
    'What was read below a stream counts as coming through the one on top.',
    HANDSHAKE,
    '    const refusal = this.#over ?? this.#whyNoUpgrade();\n    if (refusal !== undefined) throw refusal;\n    const { reusesBuffers = false, neverReenters = false } = options;\n    this.#intake = new Intake(duplex, this);',
    '    this.#intake.detach();\n    const { reusesBuffers = false, neverReenters = false } = options;\n    this.#intake = new Intake(duplex, this, this.#intake.received);',
  ),
  // The two budgets, and turns.
  plant(
    'unbounded-budget',
    'A connection queues messages however much all of them hold.',
    WRITER,
    ' || this.#account.isOverShare || this.#isSuspended',
    ' || this.#isSuspended',
  ),
  plant(
    'one-budget',
    'What is received and what waits to be sent share one budget.',
    WRITER,
    'this.#account = node.outbound.account();',
    'this.#account = node.inbound.account();',
  ),
  plant(
    'sending-stops-reading',
    'Nothing is read while much waits to be sent.',
    READER,
    'if (this.#askAgain === undefined && !account.isOverShare) return true;',
    'if (this.#node.outbound.isTight) return false;\n    if (this.#askAgain === undefined && !account.isOverShare) return true;',
  ),
  plant(
    'endless-turns',
    'The reads of a handshake are all served in one turn.',
    'connection/pending-reads.ts',
    'if (++this.#served % READS_PER_TURN === 0) this.#nextTurn = this.#clock.nextTurn(this.#onTurn);',
    'this.#served++;',
  ),
];
