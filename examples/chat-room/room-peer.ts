import { type Connection, PeerError, type DisconnectReason } from '@pea2pea/core';
import { OnDisconnect, OnMessage, Peer, Session, SessionConnection } from '@pea2pea/decorators';
import { chat, type ChatMessage, type Enter, type Say } from './protocol.js';
import { Rooms } from './rooms.js';

/** One for each connection: who it is, and where. */
@Session()
export class Member {
  #place: { readonly room: string; readonly nick: string } | undefined;

  constructor(
    private readonly rooms: Rooms,
    private readonly connection: SessionConnection<ChatMessage>,
  ) {}

  @OnMessage(chat, 'enter')
  enter({ room, nick }: Enter): void {
    if (this.#place !== undefined) return this.#refuse(`you are in ${this.#place.room}`);
    if (!this.rooms.enter(room, nick, this.connection)) return this.#refuse(`${nick} is taken`);
    this.#place = { room, nick };
    this.connection.trySend({ type: 'entered', room, nicks: this.rooms.nicksIn(room) });
  }

  @OnMessage(chat, 'say')
  say({ text }: Say): void {
    if (this.#place === undefined) return this.#refuse('enter a room first');
    this.rooms.say(this.#place.room, this.#place.nick, text);
  }

  @OnDisconnect()
  leave(_connection: Connection<ChatMessage>, reason: DisconnectReason): void {
    if (this.#place !== undefined) this.rooms.leave(this.#place.room, this.#place.nick);
    // Last words. The text of an error is for whoever runs the server: strangers are told the code.
    if (reason.origin === 'reading' && PeerError.is(reason.error)) this.#refuse(reason.error.code);
  }

  #refuse(why: string): void {
    this.connection.trySend({ type: 'refused', why });
  }
}

/** The chat itself, all of it in the sessions. Who only listens is not idle. */
@Peer({ codec: chat, sessions: [Member], idleTimeoutMs: 0 })
export class RoomPeer {}
