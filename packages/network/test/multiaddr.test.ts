import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { PeerAddress, peerIdOf, publicKeyOfPeerId } from '@pea2pea/network';
import { peerErrorOf } from '@pea2pea/testing';

/** The Ed25519 key among the test vectors of libp2p's specification of peer ids, and its peer id. */
const KEY = Buffer.from('1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e', 'hex');
const ID = '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq';
const RSA_ID = 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N';
const NOISE_KEY = '9f'.repeat(32);

describe('a peer id', () => {
  it('holds the Ed25519 key that it is of', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url');
    expect(peerIdOf(raw)).toMatch(/^12D3KooW/);
    expect(publicKeyOfPeerId(peerIdOf(raw))).toEqual(raw);
  });

  it('is the one that libp2p gives the key', () => {
    expect(peerIdOf(KEY)).toBe(ID);
  });

  it.each([RSA_ID, NOISE_KEY, '', '1', '12D3KooW', `${ID}1`, 'Q', '1'.repeat(2_000)])(
    'holds no key where it is %s',
    (text) => {
      expect(publicKeyOfPeerId(text)).toBeUndefined();
    },
  );

  it.each([0, 31, 33, 64])('is not made of %d bytes', async (length) => {
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => peerIdOf(Buffer.alloc(length)));
  });
});

describe('a multiaddr', () => {
  it.each([
    ['/ip4/203.0.113.7/tcp/4000', '203.0.113.7:4000'],
    [`/ip4/203.0.113.7/tcp/4000/p2p/${ID}`, `${ID}@203.0.113.7:4000`],
    [`/ip6/2001:db8::1/tcp/4000/p2p/${RSA_ID}`, `${RSA_ID}@[2001:db8::1]:4000`],
    ['/ip6zone/eth0/ip6/fe80::1/tcp/4000', '[fe80::1%eth0]:4000'],
    [`/dns/peer.example.org/tcp/4000/p2p/${ID}`, `${ID}@peer.example.org:4000`],
  ])('%s is read and written', (text, plain) => {
    const address = PeerAddress.from(text);
    expect(address.toString()).toBe(plain);
    expect(address.toMultiaddr()).toBe(text);
  });

  it.each([
    ['/dns4/peer.example.org/tcp/4000', '/dns/peer.example.org/tcp/4000'],
    ['/dns6/Peer.example.org/tcp/4000', '/dns/peer.example.org/tcp/4000'],
    ['/ip6/2001:DB8:0:0::1/tcp/4000', '/ip6/2001:db8::1/tcp/4000'],
    ['/ip6/::ffff:203.0.113.7/tcp/4000', '/ip4/203.0.113.7/tcp/4000'],
    [`/ip4/203.0.113.7/tcp/4000/ipfs/${ID}`, `/ip4/203.0.113.7/tcp/4000/p2p/${ID}`],
    [
      '/ip4/203.0.113.7/tcp/4000/p2p/bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe',
      `/ip4/203.0.113.7/tcp/4000/p2p/${RSA_ID}`,
    ],
    [
      '/ip4/203.0.113.7/tcp/4000/p2p/k2k4r8jl0yz8qjgqbmc2cdu5hkqek5rj6flgnlkyywynci20j0iuyfuj',
      '/ip4/203.0.113.7/tcp/4000/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN',
    ],
  ])('%s is %s', (text, canonical) => {
    expect(PeerAddress.from(text).toMultiaddr()).toBe(canonical);
  });

  it.each([
    '/',
    '/ip4',
    '/ip4/203.0.113.7',
    '/ip4/203.0.113.7/tcp',
    '/ip4/203.0.113.7/tcp/',
    '/ip4/203.0.113.7/tcp/65536',
    '/ip4/203.0.113.7/tcp/+1',
    '/ip4/203.0.113.7/tcp/4000/',
    '/ip4/203.0.113.7/tcp/4000/p2p',
    `/ip4/203.0.113.7/tcp/4000/p2p/${NOISE_KEY}`,
    '/ip4/203.0.113.7/tcp/4000/p2p/12D3KooW0',
    `/ip4/203.0.113.7/tcp/4000/p2p/${ID}/p2p-circuit`,
    '/ip4/203.0.113.7/tcp/4000/ws',
    '/ip4/203.0.113.7/udp/4000/quic-v1',
    '/ip4/peer.example.org/tcp/4000',
    '/ip4/::1/tcp/4000',
    '/ip4/::ffff:203.0.113.7/tcp/4000',
    '/ip6/203.0.113.7/tcp/4000',
    '/ip6/fe80::1%eth0/tcp/4000',
    '/ip6zone/eth0/ip4/203.0.113.7/tcp/4000',
    '/dns/203.0.113.7/tcp/4000',
    '/dns/a b/tcp/4000',
    '/dns//tcp/4000',
    '/dnsaddr/peer.example.org',
    '/unix/%2Frun%2Fapp.sock',
    `/dns/${'a'.repeat(600)}/tcp/4000`,
    'ip4/203.0.113.7/tcp/4000',
  ])('%s is refused', async (text) => {
    await peerErrorOf('P2P_ERR_INVALID_ADDRESS', () => PeerAddress.from(text));
  });

  it('of a name whose TXT records have the addresses is refused with what to use', async () => {
    const error = await peerErrorOf('P2P_ERR_INVALID_ADDRESS', () =>
      PeerAddress.from('/dnsaddr/peer.example.org'),
    );
    expect(error.message).toMatch(/TXT records/);
  });

  it.each([
    ['an identity that is a key of noise', `${NOISE_KEY}@203.0.113.7:4000`],
    [
      'a peer id in another form',
      'bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe@203.0.113.7:4000',
    ],
    ['a path', 'unix:/run/app.sock'],
    ['a name with a slash', 'a/b:4000'],
  ])('of %s is not written', async (_what, text) => {
    await peerErrorOf('P2P_ERR_NO_MULTIADDR', () => PeerAddress.from(text).toMultiaddr());
  });

  it('of an address with a key of noise is written without the key', () => {
    expect(PeerAddress.from(`${NOISE_KEY}@203.0.113.7:4000`).anyone.toMultiaddr()).toBe(
      '/ip4/203.0.113.7/tcp/4000',
    );
  });
});
