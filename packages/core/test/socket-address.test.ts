import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatIp, parseIp, SocketAddress } from '@pea2pea/core';

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
    'a b:4',
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
    expect(['1.2.3.4', '::', 'example.org', '1.2.3.4.5'].map((host) => of(host).isIp)).toEqual([
      true,
      true,
      false,
      false,
    ]);
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
