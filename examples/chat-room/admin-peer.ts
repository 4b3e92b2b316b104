import { lines } from '@pea2pea/codecs';
import type { Connection } from '@pea2pea/core';
import { OnMessage, Peer } from '@pea2pea/decorators';
import { Rooms } from './rooms.js';

const line = lines({ maxLength: 200 });

/** For whoever sits at the machine: `nc 127.0.0.1 <port>`. */
@Peer({ codec: line })
export class AdminPeer {
  constructor(private readonly rooms: Rooms) {}

  @OnMessage((text: string) => text === 'who')
  async who(_text: string, connection: Connection<string>): Promise<void> {
    const rooms = this.rooms.names.map((room) => `${room}: ${this.rooms.nicksIn(room).join(', ')}`);
    await connection.send(rooms.length === 0 ? 'nobody' : rooms.join('; '));
  }

  @OnMessage((text: string) => text.startsWith('kick '))
  async kick(text: string, connection: Connection<string>): Promise<void> {
    const nick = text.slice('kick '.length);
    await connection.send(`${await this.rooms.kick(nick)} kicked`);
  }

  @OnMessage((text: string) => text === 'quit')
  async quit(_text: string, connection: Connection<string>): Promise<void> {
    await connection.disconnect('quit');
  }

  @OnMessage(line)
  async help(_text: string, connection: Connection<string>): Promise<void> {
    await connection.send('who, kick <nick>, or quit');
  }
}
