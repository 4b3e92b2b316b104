import { describe, expect, it } from '@jest/globals';
import { SocketAddress } from '@pea2pea/core';
import { groupOf, PeerAddress } from '@pea2pea/network';
import { peerErrorOf } from '@pea2pea/testing';

const KEY = '9f'.repeat(32);

describe('the address of a peer', () => {
  it.each([
    [`${KEY}@203.0.113.7:4000`, KEY, '203.0.113.7:4000'],
    [`${KEY}@[2001:DB8::1]:4000`, KEY, '[2001:db8::1]:4000'],
    ['peer.example.org:4000', undefined, 'peer.example.org:4000'],
    ['alice@peer.example.org:4000', 'alice', 'peer.example.org:4000'],
    ['AB:CD:01@peer.example.org:4000', 'AB:CD:01', 'peer.example.org:4000'],
    ['unix:@app', undefined, 'unix:@app'],
    ['unix:/run/a@b.sock', undefined, 'unix:/run/a@b.sock'],
  ])('%s is read and written', (text, identity, place) => {
    const address = PeerAddress.from(text);
    expect([address.identity, address.address.toString()]).toEqual([identity, place]);
    expect(PeerAddress.from(address.toString()).toString()).toBe(address.toString());
    expect(JSON.stringify({ address })).toBe(`{"address":"${address.toString()}"}`);
  });

  it.each([
    '@203.0.113.7:4000',
    'a b@203.0.113.7:4000',
    'a\nb@h:1',
    `${'a'.repeat(129)}@h:1`,
    'a@b@h:1',
    'key@',
    '',
  ])('%j is not one', async (text) => {
    await peerErrorOf('P2P_ERR_INVALID_ADDRESS', () => PeerAddress.from(text));
  });

  it('is the place alone where the identity is taken away', () => {
    expect(PeerAddress.from(`${KEY}@h:1`).anyone.toString()).toBe('h:1');
  });
});

describe('the group of an address', () => {
  it.each([
    ['203.0.113.7:4000', '203.0.0.0/16'],
    ['[2001:db8:1:2::1]:4000', '2001:db8::/32'],
    ['[::ffff:203.0.113.7]:4000', '203.0.0.0/16'],
    ['peer.example.org:4000', 'name:example.org'],
    ['example.org:4000', 'name:example.org'],
    ['localhost:4000', 'local'],
    ['192.168.1.4:4000', 'local'],
    ['10.0.0.1:4000', 'local'],
    ['[fe80::1%eth0]:4000', 'local'],
    ['[fd00::1]:4000', 'local'],
    ['unix:/run/app.sock', 'unix:/run/app.sock'],
  ])('of %s is %s', (text, group) => {
    expect(groupOf(SocketAddress.from(text))).toBe(group);
  });
});
