import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { TlsContext, tlsSession, type TlsOptions } from '@pea2pea/tls';
import { authority } from '@pea2pea/testing/certificates';
import { peerErrorOf, until } from '@pea2pea/testing';
import { inUseBy } from '../src/tls-context.js';
import { mine, party, theirs, trusted } from './tls-lab.js';

const { ca } = trusted;
const NOT_LISTENING = { listen: undefined as never };
const SECRET = 31_337;

describe('credentials that are replaced', () => {
  it('with undefined stay: authorities, lists, and what is shown', async () => {
    const revoked = await trusted.issue();
    await using server = await party({
      tls: { ...mine, ca, requestCert: true, crl: await trusted.revoke(revoked) },
    });
    const nothing = { key: undefined, cert: undefined, ca: undefined, crl: undefined, contexts: undefined };
    server.plugin.setSecureContext(nothing as object);
    for (const stranger of [await (await authority('another')).issue(), revoked]) {
      await using guest = await party({ tls: { ca, ...stranger }, config: NOT_LISTENING });
      const before = server.refusals().length;
      await (
        await guest.dial(server)
      ).closed;
      await until(() => server.refusals().length === before + 1);
    }
    expect(server.opened).toEqual([]);
    await using member = await party({ tls: { ca, ...theirs }, config: NOT_LISTENING });
    const connection = await member.dial(server);
    expect(connection.context.get(tlsSession)?.peerCertificate?.subject).toBe('CN=mine');
    await until(() => server.opened.length === 1);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['with null for authorities', { ca: null }, '`ca`'],
    ['with nothing for a revocation list', { crl: '' }, '`crl`'],
    ['with null for a revocation list', { crl: [null] }, '`crl`'],
    ['with nothing to show', { key: '', cert: '' }, '`key`'],
    ['with null to show', { key: null, cert: null }, '`key`'],
    ['with no context by name', { contexts: null }, '`contexts`'],
  ])('%s are refused, as when the peer is made', async (_, credentials, named) => {
    const options = { ...mine, ca, requestCert: true };
    const context = new TlsContext(options);
    const { endpoints } = inUseBy(context);
    for (const attempt of [
      () => context.setSecureContext(credentials),
      () => new TlsContext({ ...options, ...credentials }),
    ]) {
      expect((await peerErrorOf('P2P_ERR_INVALID_CONFIG', attempt)).message).toContain(named);
    }
    expect(inUseBy(context).endpoints).toBe(endpoints);
  });
});

describe('a passphrase', () => {
  const locked = {
    cert: mine.cert,
    key: createPrivateKey(mine.key)
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: String(SECRET) })
      .toString(),
  };

  it('opens the key, also of a certificate by name', () => {
    const own = { ...locked, passphrase: String(SECRET) };
    expect(() => new TlsContext({ ...own, contexts: { 'a.example': own } })).not.toThrow();
  });

  it.each<[string, unknown]>([
    ['a number', SECRET],
    ['an object', { secret: SECRET }],
    ['bytes', Buffer.from(String(SECRET))],
    ['the wrong text', `${SECRET}0`],
  ])('that is %s is refused and never shown', async (_, passphrase) => {
    const own = { ...locked, passphrase } as TlsOptions;
    const byName = { ...mine, contexts: { 'a.example': own } } as TlsOptions;
    for (const options of [own, byName]) {
      const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => new TlsContext(options));
      expect(error.message).toContain(typeof passphrase === 'string' ? '`key`' : '`passphrase`');
      const shown = `${inspect(error, { depth: 9 })} ${error.stack}`;
      expect(shown).not.toContain(String(SECRET));
      expect(shown).not.toContain(Buffer.from(String(SECRET)).toString('hex').match(/../g)!.join(' '));
    }
  });

  it('and a key that are no text are not shown, either', async () => {
    const error = await peerErrorOf(
      'P2P_ERR_INVALID_CONFIG',
      () => new TlsContext({ cert: mine.cert, key: { pem: SECRET } as never }),
    );
    expect(inspect(error, { depth: 9 })).not.toContain(String(SECRET));
  });
});

describe('certificates by server name', () => {
  const ASKED = ['a.example.org', 'A.Example.ORG', 'b.example.org', 'a.b.example.org', 'example.org'];

  it.each([
    ['the exact name first', ['a.example.org', '*.example.org']],
    ['the wildcard first', ['*.example.org', 'a.example.org']],
    ['in upper case', ['*.EXAMPLE.org', 'A.Example.Org']],
  ])('are found in any case, exact names before wildcards: %s', async (_, names) => {
    const pairs = {
      a: await trusted.issue({ commonName: 'exact' }),
      '*': await trusted.issue({ commonName: 'wild' }),
    };
    const contexts = Object.fromEntries(
      names.map((name) => [name, pairs[name.split('.')[0]!.toLowerCase() as keyof typeof pairs]]),
    );
    await using server = await party({ tls: { ...mine, contexts } });
    const shown: string[] = [];
    for (const servername of ASKED) {
      const { port } = server.address;
      const socket = connect({
        host: '127.0.0.1',
        port,
        servername,
        ca,
        checkServerIdentity: () => undefined,
      });
      await once(socket, 'secureConnect');
      shown.push(socket.getPeerX509Certificate()!.subject);
      socket.destroy();
    }
    expect(shown).toEqual(['CN=exact', 'CN=exact', 'CN=wild', 'CN=mine', 'CN=mine']);
  });

  it('are asked of those who dial for the same authorities', async () => {
    await using server = await party({
      tls: {
        ...mine,
        ca,
        requestCert: true,
        contexts: { 'a.example.org': await trusted.issue({ names: ['a.example.org'] }) },
      },
    });
    const servername = 'a.example.org';
    await using stranger = await party({
      tls: { ca, servername, ...(await (await authority('another')).issue()) },
      config: NOT_LISTENING,
    });
    await (
      await stranger.dial(server)
    ).closed;
    await until(() => server.refusals().length === 1);
    await using member = await party({ tls: { ca, servername, ...theirs }, config: NOT_LISTENING });
    await member.dial(server);
    await until(() => server.opened.length === 1);
    expect(server.opened[0]!.context.get(tlsSession)).toMatchObject({ servername, authorized: true });
  });

  it('are one for each name', async () => {
    const contexts = { 'a.example': mine, 'A.example': theirs };
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => new TlsContext({ ...mine, contexts }));
    expect(error.message).toContain('"A.example" twice');
  });
});
