import { OnStart, OnStop, type PeerHandle } from '@pea2pea/decorators';
import { fastify, type FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Words } from './protocol.js';
import type { RoomPeer } from './room-peer.js';
import type { History, Rooms } from './rooms.js';

interface InRoom {
  readonly Params: { readonly room: string };
}

/** The rooms over HTTP: the same services, another way in. */
export class HttpSide {
  readonly #server: FastifyInstance = fastify({
    forceCloseConnections: true, // an open connection must not hold up the end
    ajv: { customOptions: { coerceTypes: false } },
  });
  readonly #port: number;

  constructor(rooms: Rooms, history: History, peer: PeerHandle<RoomPeer>, port: number) {
    this.#port = port;
    this.#server.get('/health', () => ({
      connections: peer.node.connections.size,
      rooms: rooms.names.length,
      unmatched: peer.unmatched,
    }));
    this.#server.get('/rooms', () => rooms.names.map((room) => ({ room, nicks: rooms.nicksIn(room) })));
    this.#server.get<InRoom>('/rooms/:room/messages', ({ params: { room } }, reply) =>
      rooms.has(room) ? history.of(room) : reply.code(404).send({ message: `there is no room ${room}` }),
    );
    this.#server.post<InRoom & { readonly Body: z.output<typeof Words> }>(
      '/rooms/:room/messages',
      // What TCP clients may say, HTTP clients may.
      { schema: { body: z.toJSONSchema(Words, { target: 'draft-7' }) } },
      ({ params: { room }, body: { from, text } }, reply) => {
        if (!rooms.has(room)) return reply.code(404).send({ message: `there is no room ${room}` });
        if (rooms.nicksIn(room).includes(from)) return reply.code(409).send({ message: `${from} is taken` });
        return reply.code(201).send(rooms.say(room, from, text));
      },
    );
  }

  get url(): string {
    return this.#server.listeningOrigin;
  }

  @OnStart()
  async listen(): Promise<void> {
    await this.#server.listen({ host: '127.0.0.1', port: this.#port });
  }

  @OnStop()
  async close(): Promise<void> {
    await this.#server.close();
  }
}
