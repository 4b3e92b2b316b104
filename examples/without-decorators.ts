/**
 * The floor below the decorators: a node, a codec, and plain hooks. An echo server and a client, over TCP.
 */
import { describeReason, PeerNode, type Hooks } from '@pea2pea/core';
import { lines } from '@pea2pea/codecs';

const codec = lines();

const log = (name: string): Hooks<string> => ({
  onConnect: ({ direction }) => console.log(`${name}: connected, ${direction}`),
  onDisconnect: (_connection, reason) => console.log(`${name}: disconnected, ${describeReason(reason)}`),
});

const server = new PeerNode({ codec, name: 'server' }).use(log('server')).use({
  // No promise, no waiting: what is queued in one turn goes out in one write.
  onMessage: (text, connection) => void connection.trySend(text.toUpperCase()),
});

const heard: string[] = [];
const words = ['one', 'two', 'three'];
const client = new PeerNode({ codec, name: 'client' }).use(log('client')).use({
  onMessage: async (text, connection) => {
    console.log(`client: heard ${text}`);
    if (heard.push(text) === words.length) await connection.disconnect('heard enough');
  },
});

const address = await server.listen({ host: '127.0.0.1', port: 0 });
const connection = await client.connect(address);
for (const word of words) await connection.send(word);

await connection.closed;
const { cut } = await client.close();
await server.close();
console.log(`closed, ${cut.length} things had to be cut`);
