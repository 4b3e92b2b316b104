/**
 * The protocol of PostgreSQL, version 3 (https://www.postgresql.org/docs/current/protocol.html): a peer that can be asked in
 * SQL who is connected. Shows a handshake that upgrades to TLS where the client asks for it, and logs it in; messages with a
 * letter as their tag; a session for what a connection has prepared; and errors after which messages are skipped.
 *
 *   npm run example protocols/postgres -- 5432 ca.pem      the certificate to trust is written to that file
 *   psql "host=127.0.0.1 user=ann password=secret sslmode=verify-full sslrootcert=ca.pem" -c 'select * from connections'
 */
import { writeFileSync } from 'node:fs';
import type { Connection, DisconnectReason, Handshake, PeerError } from '@pea2pea/core';
import { createPeer, OnDisconnect, OnHandshake, Peer } from '@pea2pea/decorators';
import { TlsContext } from '@pea2pea/tls';
import { newAuthority } from '../../tls/certificates.js';
import { Client } from './session.js';
import { startUp } from './startup.js';
import { errorResponse, postgres, SqlError, type Message } from './wire.js';

const authority = await newAuthority('an authority for this run');
const credentials = await authority.issue('a database');
const tls = new TlsContext({ ...credentials, minVersion: 'TLSv1.2' });
const passwords = new Map([['ann', 'secret']]);

@Peer({
  codec: postgres,
  sessions: [Client],
  handshakeTimeoutMs: 10_000,
  idleTimeoutMs: 0,
  maxConnectionsPerIp: 50,
})
class Database {
  @OnHandshake()
  start(handshake: Handshake): Promise<void> {
    return startUp(handshake, tls, (user) => passwords.get(user));
  }

  /** The client reads the reason as the last message. */
  @OnDisconnect()
  lastWords(client: Connection<Message, Uint8Array>, reason: DisconnectReason): void {
    if (reason.origin === 'shutdown')
      client.trySend(errorResponse(new SqlError('57P01', 'the server closes'), 'FATAL'));
    if (reason.origin !== 'reading' || reason.cause !== 'invalid-frame') return;
    const { what } = reason.error as PeerError;
    client.trySend(errorResponse(new SqlError('08P01', what), 'FATAL'));
  }
}

const [port = '5432', file] = process.argv.slice(2);
if (file !== undefined) writeFileSync(file, authority.ca);
const database = await createPeer(Database, { listen: { host: '127.0.0.1', port: Number(port) } });
database.closeOn('SIGINT', 'SIGTERM');
console.log(`postgres at ${database.address}`);
