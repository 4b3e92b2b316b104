import { createApp, handleOf, type AppHandle, type PeerHandle } from '@pea2pea/decorators';
import { ContainerModule } from 'inversify';
import { AdminPeer } from './admin-peer.js';
import { HttpSide } from './http-side.js';
import { RoomPeer } from './room-peer.js';
import { History, Rooms } from './rooms.js';

/** Port 0 picks one. */
export interface Ports {
  readonly chat: number;
  readonly admin: number;
  readonly http: number;
}

/** One container: both peers and the HTTP side share its rooms, and end with it. */
export function createChatRoom(ports: Ports): Promise<AppHandle> {
  const host = '127.0.0.1';
  return createApp({
    bindings: new ContainerModule(({ bind }) => {
      bind(History).toSelf();
      bind(Rooms).toSelf();
      bind(HttpSide)
        .toResolvedValue(
          (rooms: Rooms, history: History, peer: PeerHandle<RoomPeer>) =>
            new HttpSide(rooms, history, peer, ports.http),
          [Rooms, History, handleOf(RoomPeer)],
        )
        .inSingletonScope();
    }),
    peers: [
      { peer: RoomPeer, listen: { host, port: ports.chat } },
      { peer: AdminPeer, listen: { host, port: ports.admin } },
    ],
    services: [HttpSide],
  });
}
