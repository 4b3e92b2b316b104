import type { Connection } from '@pea2pea/core';
import { injectable } from 'inversify';
import type { ChatMessage, Said } from './protocol.js';

const HISTORY_LENGTH = 100;

/** The last words of every room. */
@injectable('Singleton')
export class History {
  readonly #rooms = new Map<string, Said[]>();

  add(room: string, said: Said): void {
    const all = this.#rooms.get(room) ?? [];
    this.#rooms.set(room, [...all, said].slice(-HISTORY_LENGTH));
  }

  of(room: string): readonly Said[] {
    return this.#rooms.get(room) ?? [];
  }

  forget(room: string): void {
    this.#rooms.delete(room);
  }
}

/** Who is where. A room begins with the first who enters it, and ends, history and all, with the last who leaves. */
@injectable('Singleton')
export class Rooms {
  /** Connections by nick, by room. */
  readonly #rooms = new Map<string, Map<string, Connection<ChatMessage>>>();

  constructor(private readonly history: History) {}

  get names(): string[] {
    return [...this.#rooms.keys()];
  }

  has(room: string): boolean {
    return this.#rooms.has(room);
  }

  nicksIn(room: string): string[] {
    return [...(this.#rooms.get(room)?.keys() ?? [])];
  }

  /** False if somebody of that nick is there already. */
  enter(room: string, nick: string, connection: Connection<ChatMessage>): boolean {
    const there = this.#rooms.get(room) ?? new Map<string, Connection<ChatMessage>>();
    if (there.has(nick)) return false;
    this.#rooms.set(room, there.set(nick, connection));
    return true;
  }

  leave(room: string, nick: string): void {
    const there = this.#rooms.get(room);
    there?.delete(nick);
    if (there?.size !== 0) return;
    this.#rooms.delete(room);
    this.history.forget(room);
  }

  /** Everybody in the room hears it, who says it included. Who is too slow to take it misses it. */
  say(room: string, from: string, text: string): Said {
    const said: Said = { type: 'said', from, text, at: new Date().toISOString() };
    this.history.add(room, said);
    for (const connection of this.#rooms.get(room)?.values() ?? []) connection.trySend(said);
    return said;
  }

  /** Ends the connections of that nick, and answers how many those are. */
  async kick(nick: string): Promise<number> {
    const found = [...this.#rooms.values()].flatMap((there) => there.get(nick) ?? []);
    await Promise.all(found.map((connection) => connection.disconnect('kicked')));
    return found.length;
  }
}
