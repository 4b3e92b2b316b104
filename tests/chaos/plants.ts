/** A bug that is planted in the kernel, to see whether chaos finds it. */
export interface Plant {
  readonly name: string;
  /** What the kernel does wrong with it. */
  readonly sentence: string;
  /** Where, in `packages/core/src`. */
  readonly file: string;
  /** What the source says there, once. */
  readonly from: string;
  /** What it says with the bug. */
  readonly to: string;
}

const TABLE = 'connection/connection-table.ts';
const SETUP = 'flows/connection-setup.ts';
const TEARDOWN = 'flows/teardown.ts';
const READER = 'connection/reader.ts';
const WRITER = 'connection/writer.ts';

function plant(name: string, sentence: string, file: string, from: string, to: string): Plant {
  return { name, sentence, file, from, to };
}

/** Kernels with one bug each; where a rule of INVARIANTS.md is broken by it, it is one that somebody once broke. */
export const PLANTS: readonly Plant[] = [
  // Limits, and who may have how much of what.
  plant(
    'one-connection-too-many',
    'The node has one connection more than its limit.',
    TABLE,
    'this.#size >= this.#limits.maxConnections)',
    'this.#size > this.#limits.maxConnections)',
  ),
  plant(
    'one-setup-too-many',
    'One dial more than the limit may be set up.',
    TABLE,
    'if (this.#connecting >= maxConnecting) return false;',
    'if (this.#connecting > maxConnecting) return false;',
  ),
  plant(
    'one-inbound-too-many',
    'Inbound peers take one of the slots that are for dials.',
    TABLE,
    'this.#inbound >= this.#limits.maxInbound)',
    'this.#inbound > this.#limits.maxInbound)',
  ),
  plant(
    'unfair-connections',
    'An address has one connection more than its share.',
    TABLE,
    '>= this.#limits.maxConnectionsPerIp;',
    '> this.#limits.maxConnectionsPerIp;',
  ),
  plant(
    'unfair-setups',
    'An address has one setup more than its share.',
    TABLE,
    '(this.#groups.get(group)?.inboundSetups ?? 0) < this.#limits.maxConnectingPerIp',
    '(this.#groups.get(group)?.inboundSetups ?? 0) <= this.#limits.maxConnectingPerIp',
  ),
  plant(
    'unfair-line',
    'An address has one place more in the line than its share.',
    'mechanisms/waiting-line.ts',
    'const hasShare = held < this.#limits.placesPerGroup;',
    'const hasShare = held <= this.#limits.placesPerGroup;',
  ),
  plant(
    'starving-line',
    'Nobody in the line is told that a setup has become free.',
    TABLE,
    "    this.onSetupSlotFree(direction === 'inbound' ? group : undefined);\n",
    '',
  ),
  plant(
    'unbounded-queue',
    'A queue takes messages however much waits in it.',
    WRITER,
    'this.bufferedBytes >= outboundQueueBytes || this.#account.isOverShare ||',
    '',
  ),
  // What has to be released.
  plant(
    'leaked-setup-slot',
    'A setup that fails keeps its slot.',
    SETUP,
    '    slot.release();\n    // Whatever still waits',
    '    // Whatever still waits',
  ),
  plant(
    'leaked-slot',
    'A connection that has ended keeps its slot.',
    TEARDOWN,
    '  connection.slot.release();\n',
    '',
  ),
  plant(
    'handshake-timer-left',
    'The timer of a handshake is not cancelled when that is over.',
    SETUP,
    '  } finally {\n    timer.cancel();\n  }\n}\n\nasync function runHooks',
    '  } finally {\n  }\n}\n\nasync function runHooks',
  ),
  plant(
    'renegotiation-timer-left',
    'The timer of a renegotiation is not cancelled when that is over.',
    'flows/renegotiation.ts',
    '    over.resolve();\n    timer.cancel();',
    '    over.resolve();',
  ),
  plant(
    'teardown-timer-left',
    'The timer of a teardown is not cancelled when that is over.',
    TEARDOWN,
    '  deadline.cancel();\n  connection.writer.end();',
    '  connection.writer.end();',
  ),
  plant(
    'setups-outlive-close',
    'close() does not cancel the setups that are under way.',
    'flows/shutdown.ts',
    'const setupsEnded = kernel.cancelSetups(shuttingDown(kernel));',
    'const setupsEnded = Promise.resolve();',
  ),
  plant(
    'bytes-left-in-the-budget',
    'What an ended connection had queued still counts.',
    WRITER,
    "    this.#state = 'ended';\n    this.#account.bytes = 0;",
    "    this.#state = 'ended';",
  ),
  // Hooks.
  plant(
    'double-disconnect-hook',
    'onDisconnect runs twice.',
    TEARDOWN,
    '      const answer = call(connection, reason);',
    '      call(connection, reason);\n      const answer = call(connection, reason);',
  ),
  plant(
    'lost-disconnect-hook',
    'Every fifth connection has no onDisconnect.',
    TEARDOWN,
    'if (layer >= connection.layersReached) continue;',
    'if (layer >= connection.layersReached || connection.id % 5 === 0) continue;',
  ),
  plant(
    'peer-end-told-twice',
    'onPeerEnd runs again for each look at whether the connection may end.',
    'connection/half-close.ts',
    "    if (this.#telling === 'not yet') this.#tell();",
    '    this.#tell();',
  ),
  plant(
    'overlapping-handlers',
    'The next message does not wait for the promise of the one before.',
    'connection/message-hooks.ts',
    '      this.isWorking = true;\n      return true;',
    '      return false;',
  ),
  plant(
    'no-odd-thenables',
    'Thenables that are not promises of the language are not waited for.',
    'connection/message-hooks.ts',
    'if (!isPromise(result)) return false;',
    'if (!(result instanceof Promise)) return false;',
  ),
  plant(
    'messages-after-the-end',
    'Messages of a connection that has ended are handled.',
    READER,
    '    this.#stopped = true;\n    this.#halted = true;\n    stopListening(this.#stream);\n    setFlowing(this.#stream, false);',
    '    this.#stopped = true;',
  ),
  plant(
    'disconnects-twice',
    'A disconnect that came too late returns true, too.',
    TEARDOWN,
    'if (claimed === undefined) return Promise.resolve(false);',
    'if (claimed === undefined) return Promise.resolve(true);',
  ),
  // Messages.
  plant(
    'doubled-message',
    'Every fiftieth message is handled twice.',
    READER,
    '      this.#deliver(message);\n      // What a promise',
    '      this.#deliver(message);\n      if (count % 50 === 0) this.#deliver(message);\n      // What a promise',
  ),
  plant(
    'lost-message',
    'Every fiftieth message is lost.',
    READER,
    '      this.#deliver(message);\n      // What a promise',
    '      if (count % 50 !== 0) this.#deliver(message);\n      // What a promise',
  ),
  plant(
    'half-a-message',
    'What an encoder wrote before it threw goes out.',
    'connection/encode.ts',
    '  } catch (cause) {\n    sink.rollback();',
    '  } catch (cause) {\n    sink.commit();',
  ),
  plant(
    'lost-last-words',
    'A connection is reset where it should say its last words.',
    TEARDOWN,
    '  } else if (await saidLastWords(connection, deadline)) {',
    '  } else if ((cutStreams(connection), true)) {',
  ),
  plant(
    'impatient-last-words',
    'The end of the peer is not waited for, so that what it still sends resets the connection.',
    'flows/last-words.ts',
    '  await deadline.wait(inputOver);\n',
    '',
  ),
  plant(
    'half-close-ends-both',
    'The end of one half ends the connection.',
    'connection/half-close.ts',
    '    this.#isOut = true;\n',
    "    this.#connection.endFor({ origin: 'user' });\n",
  ),
  plant(
    'sends-after-the-end',
    'Messages are queued after the end of the half.',
    WRITER,
    "    if (this.#state === 'open') this.#state = 'finishing';\n",
    '',
  ),
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
    'connection/handshake.ts',
    '    return { stream, head };',
    '    return { stream, head: head.subarray(head.length) };',
  ),
  // Promises, time, counters.
  plant(
    'unsettled-sends',
    'What is still queued at the end is never told of.',
    WRITER,
    '    for (const waiter of waiters) waiter.reject(error);',
    '    void error;',
  ),
  plant(
    'endless-dials',
    'A dial that nobody replies to is not given up.',
    'flows/dialer.ts',
    'overdueAwake(kernel.clock, timeoutMs, ',
    'overdueAwake(kernel.clock, timeoutMs * 1_000, ',
  ),
  plant(
    'endless-handshakes',
    'A handshake that stands still is not given up.',
    SETUP,
    'overdueAwake(kernel.clock, handshakeTimeoutMs, ',
    'overdueAwake(kernel.clock, handshakeTimeoutMs * 1_000, ',
  ),
  plant(
    'endless-waits',
    "A deadline that is over ends nobody's wait.",
    'mechanisms/deadline.ts',
    '    this.#cut = undefined;\n    cut?.();',
    '    this.#cut = undefined;',
  ),
  plant(
    'clock-before-socket',
    'Silence is judged when a timer notices it, before the sockets are served.',
    'mechanisms/sweeper.ts',
    '    if (lateMs > this.#intervalMs) for (const member of this.#members) member.forgive(lateMs);\n    for (const member of this.#members) if (member.isOverdue(nowMs)) this.#suspects.add(member);\n',
    '    for (const member of this.#members) if (member.isOverdue(nowMs)) member.judge(nowMs, nowMs);\n',
  ),
  plant(
    'counts-failures-twice',
    'A renegotiation that fails counts twice.',
    'flows/renegotiation.ts',
    'kernel.heuristics.renegotiationFailures++;',
    'kernel.heuristics.renegotiationFailures += 2;',
  ),
  plant(
    'miscounts-links',
    'Links are not counted now and then.',
    'flows/listener.ts',
    '    heuristics.accepted++;',
    '    if (heuristics.dialled % 10 !== 9) heuristics.accepted++;',
  ),
  plant(
    'drifting-traffic',
    'The messages of the node are more than those of its connections.',
    READER,
    '      traffic.messagesReceived++;\n      this.#deliver(message);',
    '      traffic.messagesReceived += 2;\n      this.#deliver(message);',
  ),
  plant(
    'strange-errors',
    'Errors of a node that closes have no code.',
    SETUP,
    "return new PeerError('P2P_ERR_SHUTTING_DOWN', `",
    'return new Error(`',
  ),
];
