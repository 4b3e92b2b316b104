/**
 * A chat server with three sides in one container: rooms over TCP, a line protocol for the administrator, and HTTP.
 *
 *   npm run example chat-room                                  serves until Ctrl-C, and prints where
 *   npm run example chat-room -- --chat 4000 --admin 4001 --http 8080
 *   npm run example chat-room -- --demo                        talks to itself, and ends
 *
 * While it serves: `nc 127.0.0.1 4000`, then {"type":"enter","room":"lobby","nick":"ann"}, then
 * {"type":"say","text":"hello"}; and `curl 127.0.0.1:8080/rooms/lobby/messages`.
 *
 * Begin reading with app.ts, which puts the parts together: rooms.ts, room-peer.ts, admin-peer.ts, http-side.ts.
 */
import { parseArgs } from 'node:util';
import { AdminPeer } from './admin-peer.js';
import { createChatRoom, type Ports } from './app.js';
import { runDemo } from './demo.js';
import { HttpSide } from './http-side.js';
import { RoomPeer } from './room-peer.js';

const USAGE = 'usage: chat-room [--chat <port>] [--admin <port>] [--http <port>] [--demo]';

function readOptions(): Ports & { readonly demo: boolean } {
  const port = { type: 'string', default: '0' } as const;
  const { values } = parseArgs({
    options: { chat: port, admin: port, http: port, demo: { type: 'boolean', default: false } },
  });
  const portOf = (name: 'chat' | 'admin' | 'http'): number => {
    const text = values[name];
    if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text);
    throw new Error(`--${name} must be a port, not ${JSON.stringify(text)}`);
  };
  return { chat: portOf('chat'), admin: portOf('admin'), http: portOf('http'), demo: values.demo };
}

function fail(error: unknown, exitCode: number): never {
  console.error(error instanceof Error ? error.message : String(error));
  if (exitCode === 2) console.error(USAGE);
  process.exit(exitCode);
}

let options: ReturnType<typeof readOptions>;
try {
  options = readOptions();
} catch (error) {
  fail(error, 2);
}

const app = await createChatRoom(options).catch((error: unknown) => fail(error, 1));
app.closeOn('SIGINT', 'SIGTERM');
if (options.demo) {
  await runDemo(app);
  await app.close();
} else {
  console.log(`chat   ${app.peer(RoomPeer).address}`);
  console.log(`admin  ${app.peer(AdminPeer).address}`);
  console.log(`http   ${app.get(HttpSide).url}`);
  await app.closed;
}
console.log('closed');
