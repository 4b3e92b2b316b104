/**
 * WebSockets (RFC 6455): browsers as peers. A chat, and the page for it, on one port. Shows a handshake in HTTP that turns
 * away what is none, a codec that is not the same on both sides, replies to pings, and a close that says why.
 *
 *   npm run example protocols/websocket -- 8080      then open http://127.0.0.1:8080 in two windows
 *   npm run example protocols/websocket -- 8081 127.0.0.1:8080     a peer that is no browser, and has visitors of its own
 *   npm run example protocols/websocket -- 8080 --http             the same as a guest of an HTTP server
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import type { Connection, DisconnectReason, Handshake } from '@pea2pea/core';
import { PeerError, PeerNode } from '@pea2pea/core';
import { createPeer, OnDisconnect, OnHandshake, OnMessage, Peer } from '@pea2pea/decorators';
import { PROTOCOL_ERROR, webSocket, type Message } from './codec.js';
import { acceptUpgrade, fromHttp, requestUpgrade } from './upgrade.js';

type Of<Type extends Message['type']> = Extract<Message, { type: Type }>;
type Visitor = Connection<Message>;

const PAGE = `<!doctype html><title>chat</title>
<form><input autofocus> <button>say</button></form><ul></ul>
<script>
  const socket = new WebSocket('ws://' + location.host);
  const say = (text) => document.querySelector('ul').append(Object.assign(document.createElement('li'), { textContent: text }));
  socket.onmessage = ({ data }) => say(typeof data === 'string' ? data : data.size + ' bytes');
  socket.onclose = ({ code, reason }) => say('closed: ' + code + ' ' + reason);
  document.forms[0].onsubmit = (event) => {
    event.preventDefault();
    socket.send(event.target[0].value);
    say('me: ' + event.target[0].value);
    event.target.reset();
  };
</script>`;

const GOING_AWAY = 1_001;
const codec = webSocket({ maxLength: 64 * 1024 });

@Peer({ codec, inject: [PeerNode], maxConnections: 1_000, maxConnectionsPerIp: 100, idleTimeoutMs: 0 })
class Chat {
  readonly #node: PeerNode<Message>;

  constructor(node: PeerNode<Message>) {
    this.#node = node;
  }

  @OnHandshake()
  async upgrade(handshake: Handshake): Promise<void> {
    if (handshake.direction === 'outbound') return requestUpgrade(handshake);
    // A page of another site could speak in the name of whoever visits it.
    await acceptUpgrade(handshake, { page: PAGE, origins: (origin, host) => origin === `http://${host}` });
  }

  @OnMessage(codec, 'text')
  say(message: Of<'text'>, from: Visitor): void {
    console.log(message.text);
    this.#node.broadcast(message, { except: from }); // one that does not read misses what does not fit
  }

  @OnMessage(codec, 'binary')
  pass(message: Of<'binary'>, from: Visitor): void {
    this.#node.broadcast(message, { except: from });
  }

  @OnMessage(codec, 'ping')
  ping({ bytes }: Of<'ping'>, visitor: Visitor): Promise<void> {
    return visitor.send({ type: 'pong', bytes });
  }

  @OnMessage(codec, 'pong')
  pong(): void {}

  /** Both sides say it once. Then the server is the one that closes. */
  @OnMessage(codec, 'close')
  close({ code }: Of<'close'>, visitor: Visitor): void {
    visitor.trySend(code === undefined ? { type: 'close' } : { type: 'close', code });
    void visitor.disconnect('the visitor closed');
  }

  /** Who did not say goodbye is told why. */
  @OnDisconnect()
  goodbye(visitor: Visitor, reason: DisconnectReason): void {
    if (reason.origin === 'shutdown') visitor.trySend({ type: 'close', code: GOING_AWAY });
    if (reason.origin !== 'reading' || reason.cause !== 'invalid-frame') return;
    const { what, cause } = reason.error as PeerError;
    visitor.trySend({
      type: 'close',
      code: typeof cause === 'number' ? cause : PROTOCOL_ERROR,
      reason: what,
    });
  }
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { http: { type: 'boolean' } } });
const [port = '8080', other] = positionals;
const listen = { host: '127.0.0.1', port: Number(port) };
if (values.http) {
  const chat = await createPeer(Chat);
  const server = createServer((request, response) => {
    response.writeHead(request.method === 'GET' ? 200 : 405, { 'content-type': 'text/html; charset=utf-8' });
    response.end(request.method === 'GET' ? PAGE : '');
  });
  // The socket is the node's from here: its limits hold, and its hooks run. What it refuses is logged.
  server.on(
    'upgrade',
    (request, socket, head) => void chat.node.accept(socket, fromHttp(request, head)).catch(() => {}),
  );
  await once(server.listen(listen), 'listening');
  chat.closeOn('SIGINT', 'SIGTERM');
  void chat.closed.then(() => server.close());
  console.log(`websocket at http://127.0.0.1:${(server.address() as AddressInfo).port}`);
} else {
  const chat = await createPeer(Chat, { listen });
  chat.closeOn('SIGINT', 'SIGTERM');
  console.log(`websocket at http://${chat.address}`);
  if (other !== undefined) await chat.node.connect(other);
}
