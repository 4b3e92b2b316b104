/**
 * The Language Server Protocol 3.17 (https://microsoft.github.io/language-server-protocol): JSON-RPC, with a head before
 * each message. The server marks each TODO in the documents that an editor has open, says what the word below the cursor is,
 * and finds where else it stands. Shows the requests of a protocol as methods of a session; notifications in the other
 * direction; cancellation; and the same peer on TCP or on the standard streams of the process.
 *
 *   npm run example protocols/lsp -- 2087        an editor connects to the port
 *   node examples/dist/protocols/lsp.js --stdio  an editor starts the process
 */
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { contentLength, json } from '@pea2pea/codecs';
import { createPeer, Peer, Session, SessionConnection } from '@pea2pea/decorators';
import { method, RequestError, Requests, requests, type RequestContext } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { z } from 'zod';

/** What LSP adds to the codes of JSON-RPC, and one of those. */
const [NOT_INITIALIZED, INVALID_REQUEST] = [-32_002, -32_600];
const MAX_DOCUMENTS = 1_000;

const uri = z.string().max(4_096);
const Named = z.object({ textDocument: z.object({ uri }) });
const Opened = z.object({ textDocument: z.object({ uri, text: z.string() }) });
const Changed = Named.extend({ contentChanges: z.array(z.object({ text: z.string() })) });
// A position counts UTF-16 code units, as JavaScript does, unless both sides agree on something else.
const Place = Named.extend({ position: z.object({ line: z.int().min(0), character: z.int().min(0) }) });

const initialize = method('initialize', { params: z.object({}) });
const didOpen = method('textDocument/didOpen', { params: Opened });
const didChange = method('textDocument/didChange', { params: Changed });
const didClose = method('textDocument/didClose', { params: Named });
const hover = method('textDocument/hover', { params: Place });
const references = method('textDocument/references', { params: Place });
const publishDiagnostics = method<{ uri: string; diagnostics: unknown[] }>('textDocument/publishDiagnostics');

const codec = json(contentLength({ maxFrameLength: 16 * 1024 * 1024 }), { unreadable: 'deliver' });

/** What one editor has open. */
@Session()
class Editor {
  #state: 'new' | 'ready' | 'shut down' = 'new';
  readonly #texts = new Map<string, string>();

  constructor(
    private readonly connection: SessionConnection,
    private readonly calls: Requests,
  ) {}

  @OnRequest(initialize)
  initialize() {
    if (this.#state !== 'new') throw new RequestError(INVALID_REQUEST, 'initialize comes once');
    this.#state = 'ready';
    const capabilities = { textDocumentSync: 1, hoverProvider: true, referencesProvider: true };
    return { capabilities, serverInfo: { name: 'todo' } };
  }

  /** What is refused is a notification, too: nobody is told. */
  @OnRequest(didOpen)
  open({ textDocument: { uri, text } }: z.output<typeof Opened>): void {
    this.#requireReady();
    if (this.#texts.size < MAX_DOCUMENTS) this.#check(uri, text);
  }

  /** `textDocumentSync: 1` says that each change is the whole text. */
  @OnRequest(didChange)
  change({ textDocument: { uri }, contentChanges }: z.output<typeof Changed>): void {
    this.#requireReady();
    const text = contentChanges.at(-1)?.text;
    if (text !== undefined && this.#texts.has(uri)) this.#check(uri, text);
  }

  @OnRequest(didClose)
  close({ textDocument: { uri } }: z.output<typeof Named>): void {
    this.#texts.delete(uri);
    this.#publish(uri, []);
  }

  @OnRequest(hover)
  hover(place: z.output<typeof Place>) {
    const word = this.#wordAt(place);
    return word === undefined ? null : { contents: { kind: 'plaintext', value: `the word ${word}` } };
  }

  /** Looks through one document in a turn of the event loop, so that a request to cancel is read in between. */
  @OnRequest(references)
  async references(place: z.output<typeof Place>, _connection: SessionConnection, request: RequestContext) {
    const word = this.#wordAt(place);
    const found: unknown[] = [];
    for (const [uri, text] of this.#texts) {
      await turn();
      request.signal.throwIfAborted(); // the response is then -32800, RequestCancelled
      if (word !== undefined) found.push(...rangesOf(text, word).map((range) => ({ uri, range })));
    }
    return found;
  }

  @OnRequest(method('shutdown'))
  shutdown(): null {
    this.#requireReady();
    this.#state = 'shut down';
    return null;
  }

  @OnRequest(method('exit'))
  exit(): void {
    void this.connection.disconnect(this.#state === 'shut down' ? 'exit' : 'exit without shutdown');
  }

  #requireReady(): void {
    if (this.#state === 'new') throw new RequestError(NOT_INITIALIZED, 'initialize comes first');
    if (this.#state === 'shut down')
      throw new RequestError(INVALID_REQUEST, 'only exit comes after shutdown');
  }

  #wordAt({
    textDocument: { uri },
    position: { line, character },
  }: z.output<typeof Place>): string | undefined {
    this.#requireReady();
    const text = linesOf(this.#texts.get(uri) ?? '')[line] ?? '';
    for (const { 0: word, index } of text.matchAll(/\w+/g)) {
      if (index <= character && character <= index + word.length) return word;
    }
    return undefined;
  }

  #check(uri: string, text: string): void {
    this.#texts.set(uri, text);
    const ranges = rangesOf(text, 'TODO');
    this.#publish(
      uri,
      ranges.map((range) => ({ range, severity: 3, message: 'something is to be done' })),
    );
  }

  #publish(uri: string, diagnostics: unknown[]): void {
    void this.calls.notify(this.connection, publishDiagnostics, { uri, diagnostics });
  }
}

const linesOf = (text: string): string[] => text.split(/\r\n|\n|\r/);

function rangesOf(text: string, word: string) {
  return linesOf(text).flatMap((content, line) =>
    [...content.matchAll(new RegExp(`\\b${word}\\b`, 'g'))].map(({ index }) => ({
      start: { line, character: index },
      end: { line, character: index + word.length },
    })),
  );
}

@Peer({
  codec,
  plugins: [requests({ exclusive: true })],
  sessions: [Editor],
  idleTimeoutMs: 0,
  onDisconnectTimeoutMs: 500,
})
class LanguageServer {}

const stdio = process.argv[2] === '--stdio';
const listen = { host: '127.0.0.1', port: Number(process.argv[2] ?? 2087) };
const server = await createPeer(LanguageServer, stdio ? {} : { listen });
server.closeOn('SIGINT', 'SIGTERM');
if (stdio) {
  const streams = Duplex.from({ readable: process.stdin, writable: process.stdout });
  const editor = await server.node.accept(streams, { address: '127.0.0.1:1' });
  const reason = await editor.closed;
  await server.close();
  process.stdin.destroy(); // Duplex.from() may leave it open, and the process would wait for its end
  // A process of the editor's own tells whether `shutdown` came before `exit`.
  process.exitCode = reason.origin === 'user' && reason.why === 'exit' ? 0 : 1;
} else {
  console.log(`lsp at ${server.address}`);
}
