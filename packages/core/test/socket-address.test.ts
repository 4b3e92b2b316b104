import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SocketAddress } from '@pea2pea/core';
import { formatIp, parseIp } from '@pea2pea/core/authoring';

describe('a socket address', () => {
  it.each([
    ['127.0.0.1:80', '127.0.0.1:80'],
    [' 10.0.0.1:0 ', '10.0.0.1:0'],
    ['[::1]:80', '[::1]:80'],
    ['[2001:DB8:0:0:0:0:0:1]:9', '[2001:db8::1]:9'],
    ['[2001:db8:0:1:0:0:0:1]:9', '[2001:db8:0:1::1]:9'],
    ['[1:0:0:2:0:0:0:3]:9', '[1:0:0:2::3]:9'],
    ['[1:2:3:4:5:6:7:8]:9', '[1:2:3:4:5:6:7:8]:9'],
    ['[1:0:2:3:4:5:6:7]:9', '[1:0:2:3:4:5:6:7]:9'],
    ['[::]:1', '[::]:1'],
    ['[1::]:1', '[1::]:1'],
    ['[::ffff:192.0.2.1]:5', '192.0.2.1:5'],
    ['[::ffff:c000:201]:5', '192.0.2.1:5'],
    ['[64:ff9b::192.0.2.1]:5', '[64:ff9b::c000:201]:5'],
    ['[fe80::1%eth0]:5', '[fe80::1%eth0]:5'],
    ['[febf::1%eth0]:5', '[febf::1%eth0]:5'],
    ['[::1%lo]:5', '[::1]:5'],
    ['[2001:db8::1%eth0]:5', '[2001:db8::1]:5'],
    ['Example.ORG:443', 'example.org:443'],
  ])('%p is %p', (text, canonical) => {
    const address = SocketAddress.from(text);
    expect(address.toString()).toBe(canonical);
    expect(SocketAddress.from(address.toString())).toEqual(address);
    expect(JSON.stringify({ address })).toBe(`{"address":"${canonical}"}`);
  });

  it.each([
    '',
    ':80',
    'host',
    'host:',
    'host:x',
    'host:65536',
    '1:2:3:4:5:6:7:8:9',
    '[::1]',
    '[1:2:3]:4',
    '[1::2::3]:4',
    '[12345::]:4',
    '[::1.2.3.4:5]:4',
    '[::1.2.3.400]:4',
    '[::1.2.3.04]:4',
    '[1.2.3.4::]:4',
    '[1:1.2.3.4::1]:4',
    '[fe80::1%a%b]:4',
    '[fe80::1%a%]:4',
    '[fe80::1%]:4',
    '[fe80::1%\0]:4',
    '[fe80::1%a/b]:4',
    '[::1%]:4',
    '[2001:db8::1%a%b]:4',
    'a b:4',
    'a\u0007b:4',
    'a\u202eb:4',
    '\u001bc:4',
    `${'x'.repeat(254)}:4`,
  ])('%p is refused', (text) => {
    expect(() => SocketAddress.from(text)).toThrow(
      expect.objectContaining({ code: 'P2P_ERR_INVALID_ADDRESS' }),
    );
  });

  it.each([null, undefined, 5, {}, { host: 'x' }, { host: 'x', port: 1.5 }, { host: 5, port: 5 }])(
    '%p is refused',
    (value) => {
      expect(() => SocketAddress.from(value as never)).toThrow(
        expect.objectContaining({ code: 'P2P_ERR_INVALID_ADDRESS' }),
      );
    },
  );

  it('knows wildcards, loopbacks and names', () => {
    const of = (host: string): SocketAddress => new SocketAddress(host, 1);
    expect(['0.0.0.0', '::', '127.0.0.1'].map((host) => of(host).isWildcard)).toEqual([true, true, false]);
    expect(['127.8.8.8', '::1', '::2', '10.0.0.1', 'localhost'].map((host) => of(host).isLoopback)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(['1.2.3.4', '::'].map((host) => of(host).isIp)).toEqual([true, true]);
    // Whether leading zeros are octal is up to who reads them.
    const names = ['example.org', '1.2.3.4.5', '1.2.3.400', '010.0.0.1'];
    expect(names.map((host) => of(host).isIp)).toEqual([false, false, false, false]);
  });

  it('counts IPv4 by address, IPv6 by prefix, names by name', () => {
    const group = (host: string, bits = 64): string => new SocketAddress(host, 1).limitGroup(bits);
    expect(group('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(group('2001:db8:1:2:ffff::')).toBe(group('2001:db8:1:2::1'));
    expect(group('2001:db8:1:3::')).not.toBe(group('2001:db8:1:2::'));
    expect(group('2001:db8:1:2ff::', 56)).toBe('2001:db8:1:200::/56');
    expect(group('2001:db8::1', 128)).toBe('2001:db8::1/128');
    expect(group('::ffff:10.0.0.1')).toBe('10.0.0.1');
    expect(group('example.org')).toBe('example.org');
  });

  it('counts each machine of a LAN by itself: link-local addresses whole, with their zone', () => {
    const group = (host: string): string => new SocketAddress(host, 1).limitGroup(64);
    const machines = [
      'fe80::1%eth0',
      'fe80::2%eth0',
      'fe80::1%eth1',
      'febf:ffff::1%eth0',
      'fec0::1',
      'fec0::2',
    ];
    expect(machines.map(group)).toEqual([
      'fe80::1%eth0/128',
      'fe80::2%eth0/128',
      'fe80::1%eth1/128',
      'febf:ffff::1%eth0/128',
      'fec0::/64',
      'fec0::/64',
    ]);
  });

  it('counts each IPv4 host by itself that NAT64 translates to IPv6', () => {
    const group = (host: string): string => new SocketAddress(host, 1).limitGroup(64);
    const hosts = ['64:ff9b::192.0.2.1', '64:ff9b::192.0.2.2', '64:ff9b:1:fffe::192.0.2.1', '64:ff9b:2::1'];
    expect(hosts.map(group)).toEqual([
      '64:ff9b::c000:201/128',
      '64:ff9b::c000:202/128',
      '64:ff9b:1:fffe::c000:201/128',
      '64:ff9b:2::/64',
    ]);
    expect(group('64:ff9b:0:0:1::192.0.2.1')).toBe('64:ff9b::/64');
  });

  it.each([
    // the same address
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.2', false],
    ['::1', '::1%lo', true],
    ['fe80::1%eth0', 'fe80::1%eth0', true],
    ['fe80::1%eth0', 'fe80::1%eth1', false],
    ['peer.example.org', 'Peer.example.org', true],
    // a wildcard takes what comes to its family; `::` takes both
    ['0.0.0.0', '127.0.0.1', true],
    ['0.0.0.0', '127.9.9.9', true],
    ['0.0.0.0', '::ffff:127.0.0.1', true],
    ['0.0.0.0', '::1', false],
    ['0.0.0.0', '::', false],
    ['0.0.0.0', '10.0.0.1', false],
    ['0.0.0.0', 'localhost', false],
    ['::', '::1', true],
    ['::', '::1%lo', true],
    ['::', '127.0.0.1', true],
    ['::', '0.0.0.0', true],
    ['::', 'fe80::1%eth0', false],
    // a dial to a wildcard goes to loopback
    ['127.0.0.1', '0.0.0.0', true],
    ['127.0.0.2', '0.0.0.0', false],
    ['::1', '::', true],
    ['::1', '0.0.0.0', false],
    ['10.0.0.1', '0.0.0.0', false],
  ])('a listener at %p is reached by a dial to %p: %p', (listening, dialled, isReached) => {
    const listener = new SocketAddress(listening, 4000);
    expect(listener.isReachedBy(new SocketAddress(dialled, 4000))).toBe(isReached);
    expect(listener.isReachedBy(new SocketAddress(dialled, 4001))).toBe(false);
  });

  const octet = fc.oneof(
    fc.nat(300).map(String),
    fc.constantFrom('0', '00', '01', '255', '256', '1e1', '', ' 1', '-1', '0x1', '12345678901'),
  );
  const dotted = fc.array(octet, { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.'));

  it('takes exactly those for IPv4 addresses that parse as such, and writes each in its one form', () => {
    const isText = (host: string): boolean => host !== '' && !/\s/.test(host);
    fc.assert(
      fc.property(dotted.filter(isText), (host) => {
        const ip = parseIp(host);
        const address = new SocketAddress(host, 1);
        expect(address.isIp).toBe(ip !== undefined);
        expect(address.host).toBe(ip === undefined ? host.toLowerCase() : formatIp(ip));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the address of a path', () => {
  it.each([
    ['/run/app.sock', 'unix:/run/app.sock'],
    ['/run/my app.sock', 'unix:/run/my app.sock'],
    ['/80', 'unix:/80'],
    ['../app.sock', 'unix:../app.sock'],
    ['app.sock', 'unix:./app.sock'],
    ['80', 'unix:./80'],
    ['@app', 'unix:./@app'],
    ['@apps/one', 'unix:./@apps/one'],
    ['127.0.0.1', 'unix:./127.0.0.1'],
    ['::1', 'unix:./::1'],
    ['\0app', 'unix:@app'],
    ['\0a/b', 'unix:@a/b'],
    ['\\\\.\\pipe\\app', 'pipe:\\\\.\\pipe\\app'],
  ])('%p is %p, both ways', (path, text) => {
    const address = SocketAddress.from({ path });
    expect(address.toString()).toBe(text);
    expect(address.path).toBe(address.host);
    for (const again of [
      SocketAddress.from(text),
      SocketAddress.from(address),
      SocketAddress.from({ path: address.path! }),
    ]) {
      expect([again.toString(), again.path, again.port]).toEqual([text, address.path, 0]);
    }
    const peer = SocketAddress.ofPath(path, 7);
    expect([peer.toString(), peer.path, peer.port]).toEqual([`${text}#7`, address.path, 7]);
    expect(SocketAddress.from(`${peer}`)).toEqual(peer);
    expect([peer.isIp, peer.isLoopback, peer.isWildcard]).toEqual([false, false, false]);
  });

  it.each(['unix:80', 'pipe:1', 'unix:65535'])('%p is a host and a port, as ever', (text) => {
    expect(SocketAddress.from(text).path).toBeUndefined();
    expect(SocketAddress.from(text).toString()).toBe(text);
  });

  it.each([
    '',
    '\0',
    '/run/app\n.sock',
    '/run/\0app',
    '/run/app.sock#7',
    '/run/app.sock ',
    ' app.sock',
    '\0app ',
    '/run/\u202Eapp',
    `/${'x'.repeat(5_000)}`,
    7,
    null,
    {},
  ])('is refused where it cannot be one: %p', (path) => {
    const refused = expect.objectContaining({ code: 'P2P_ERR_INVALID_ADDRESS' });
    expect(() => SocketAddress.from({ path: path as never })).toThrow(refused);
  });

  it.each([-1, 1.5, 2 ** 53, NaN, '7'])('has no peer of the number %p', (peer) => {
    expect(() => SocketAddress.ofPath('/run/app.sock', peer as never)).toThrow('the number of a peer');
  });

  it('is reached by the same path, and by nothing else', () => {
    const [path, other] = ['/run/a.sock', '/run/b.sock'].map((each) => SocketAddress.ofPath(each));
    expect(path!.isReachedBy(SocketAddress.from('unix:/run/a.sock'))).toBe(true);
    expect(path!.isReachedBy(other!)).toBe(false);
    expect(path!.isReachedBy(SocketAddress.from('localhost:0'))).toBe(false);
    expect(SocketAddress.from('0.0.0.0:0').isReachedBy(path!)).toBe(false);
  });

  it('is a limit group of its own, and so is each of its peers', () => {
    const groups = [0, 1, 2].map((peer) => SocketAddress.ofPath('/run/a.sock', peer).limitGroup(64));
    expect(new Set(groups).size).toBe(3);
  });
});
