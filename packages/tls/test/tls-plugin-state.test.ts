import { describe, expect, it } from '@jest/globals';
import { json } from '@pea2pea/codecs';
import { PeerNode, PLUGIN_STATE } from '@pea2pea/core';
import { tls, type TlsOptions } from '@pea2pea/tls';
import { ANYWHERE, inMemory, lab, until } from '@pea2pea/testing';
import { mine, theirs, trusted } from './tls-lab.js';

const { own } = lab();

const nodeWith = (options: TlsOptions, network = inMemory()) =>
  own(new PeerNode({ codec: json(), ...network })).use(tls(options));

describe('the state of tls', () => {
  it('has the certificates of this side with the end of their validity, and no key', async () => {
    const network = inMemory();
    const server = nodeWith(
      {
        key: mine.key,
        cert: mine.cert,
        contexts: { '*.example.org': { key: theirs.key, cert: theirs.cert } },
      },
      network,
    );
    const client = nodeWith({ ca: trusted.ca, checkServerIdentity: () => undefined }, network);
    await client.connect(await server.listen(ANYWHERE));
    expect(client.plugin(tls)[PLUGIN_STATE]()).toMatchObject({
      certificates: { total: 0, items: [] },
      secured: 1,
    });
    await until(() => server.connections.size === 1);
    const state = server.plugin(tls)[PLUGIN_STATE]();
    expect(state).toEqual({
      certificates: {
        total: 2,
        items: [
          { serverName: null, subject: 'CN=mine', issuer: expect.any(String), until: expect.any(Number) },
          {
            serverName: '*.example.org',
            subject: 'CN=theirs',
            issuer: expect.any(String),
            until: expect.any(Number),
          },
        ],
      },
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      requestCert: false,
      rejectUnauthorized: true,
      secured: 1,
    });
    expect(JSON.stringify(state)).not.toContain('PRIVATE KEY');
  });

  it('follows a renewal', () => {
    const node = nodeWith({ key: mine.key, cert: mine.cert });
    node.plugin(tls).setSecureContext({ key: theirs.key, cert: theirs.cert });
    expect(node.plugin(tls)[PLUGIN_STATE]()).toMatchObject({
      certificates: { items: [{ serverName: null, subject: 'CN=theirs' }] },
    });
  });
});
