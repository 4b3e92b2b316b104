import { describe, expect, it } from '@jest/globals';
import { IpPrefix, PeerError, type IpAddress } from '@pea2pea/core';
import { parseIp } from '@pea2pea/core/authoring';
import { seededRandom } from '@pea2pea/core/testing';

const text = (prefix: string): string => IpPrefix.parse(prefix).toString();
const contains = (prefix: string, address: string): boolean =>
  IpPrefix.parse(prefix).contains(parseIp(address)!);

describe('an IP prefix', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7/32', '203.0.113.7'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.255.3/20', '10.1.240.0/20'],
    ['1.2.3.4/0', '0.0.0.0/0'],
    ['2001:DB8:0:0:1::1', '2001:db8::1:0:0:1/128'],
    ['2001:db8:1:2:3::4/64', '2001:db8:1:2::/64'],
    ['2001:db8:ffff::/33', '2001:db8:8000::/33'],
    ['fe80::1%eth0/10', 'fe80::%eth0/10'],
    ['fe80::1%eth0/9', 'fe80::/9'],
    ['fe80::1%eth0', 'fe80::1%eth0/128'],
    ['2001:db8::1%eth0', '2001:db8::1/128'],
    ['::/0', '::/0'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3/104', '10.0.0.0/8'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
  ])('%s is %s', (given, canonical) => {
    expect(text(given)).toBe(canonical);
    expect(text(canonical)).toBe(canonical);
    expect(JSON.stringify(IpPrefix.parse(given))).toBe(JSON.stringify(canonical));
  });

  it.each([
    '',
    'example.org',
    'example.org/24',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/ 8',
    '10.0.0.0/8.0',
    '10.0.0.256/8',
    '::/129',
    '::ffff:10.0.0.0/95',
    '127.0.0.1:80',
    'fe80::1%a%b',
    'fe80::1%a%b/64',
    'fe80::1%',
    'fe80::1%/64',
    undefined,
    null,
    5,
    {},
  ])('%j is none', (given) => {
    let thrown: unknown;
    try {
      IpPrefix.parse(given as string);
    } catch (error) {
      thrown = error;
    }
    expect(PeerError.is(thrown, 'P2P_ERR_INVALID_ADDRESS')).toBe(true);
  });

  it.each([
    ['::ffff:1.2.3.4/90', '"::ffff:1.2.3.4/90" has a length of 90, not one of 96 to 128'],
    ['::ffff:1.2.3.4/130', '"::ffff:1.2.3.4/130" has a length of 130, not one of 96 to 128'],
    ['10.0.0.0/33', '"10.0.0.0/33" has a length of 33, not one of 0 to 32'],
    ['::/129', '"::/129" has a length of 129, not one of 0 to 128'],
    ['example.org', '"example.org" is not an IP address or a prefix'],
  ])('%s is refused with what was written, and a remedy for prefixes', (given, what) => {
    const remedy = "use an IP address, or a prefix such as '203.0.113.0/24' or '2001:db8::/32'";
    expect(() => IpPrefix.parse(given)).toThrow(
      expect.objectContaining({ code: 'P2P_ERR_INVALID_ADDRESS', message: `${what}; ${remedy}` }),
    );
  });

  it('is a value: nobody can change it by its start, or by what it was made of', () => {
    const groups = [10, 0, 0, 0];
    const made: IpAddress = { version: 4, groups, zone: '' };
    const prefix = new IpPrefix(made, 8);
    groups[0] = 11;
    expect(() => ((prefix.start.groups as number[])[0] = 11)).toThrow(TypeError);
    expect([prefix.toString(), contains('10.0.0.0/8', '10.0.0.1')]).toEqual(['10.0.0.0/8', true]);
  });

  it('contains its addresses and no others', () => {
    expect(contains('10.0.0.0/8', '10.255.255.255')).toBe(true);
    expect(contains('10.0.0.0/8', '11.0.0.0')).toBe(false);
    expect(contains('10.0.0.0/8', '::ffff:10.0.0.1')).toBe(true);
    expect(contains('192.168.128.0/17', '192.168.127.255')).toBe(false);
    expect(contains('2001:db8::/32', '2001:db8:ffff::1')).toBe(true);
    expect(contains('2001:db8::/32', '2001:db9::')).toBe(false);
    expect(contains('0.0.0.0/0', '255.255.255.255')).toBe(true);
  });

  it('of one version contains nothing of the other', () => {
    expect(contains('::/0', '10.0.0.1')).toBe(false);
    expect(contains('0.0.0.0/0', '::1')).toBe(false);
  });

  it('contains narrower prefixes, and itself, but no wider ones', () => {
    const wide = IpPrefix.parse('10.0.0.0/8');
    const narrow = IpPrefix.parse('10.9.0.0/16');
    expect(wide.contains(narrow)).toBe(true);
    expect(wide.contains(wide)).toBe(true);
    expect(narrow.contains(wide)).toBe(false);
  });

  it('of one link contains nothing of another one; without a zone it stands for every link', () => {
    expect(contains('fe80::1%eth0', 'fe80::1%eth0')).toBe(true);
    expect(contains('fe80::1%eth0', 'fe80::1%eth1')).toBe(false);
    expect(contains('fe80::%eth0/64', 'fe80::2%eth1')).toBe(false);
    expect(contains('fe80::1', 'fe80::1%eth1')).toBe(true);
    expect(contains('fe80::/64', 'fe80::2%eth1')).toBe(true);
  });

  it('agrees with arithmetic over all bits', () => {
    const random = seededRandom(7);
    const bytes = () => Array.from({ length: 4 }, () => Math.floor(random.next() * 256));
    const toNumber = (groups: readonly number[]) => groups.reduce((sum, group) => sum * 256 + group, 0);
    for (let round = 0; round < 500; round++) {
      const [base, length] = [bytes(), Math.floor(random.next() * 33)];
      // Alike in the first bits, so that both answers come up.
      const flipped = 2 ** Math.floor(random.next() * 32);
      const other = (toNumber(base) ^ flipped) >>> 0;
      const groups = [other >>> 24, (other >>> 16) & 255, (other >>> 8) & 255, other & 255];
      const size = 2 ** (32 - length);
      const expected = Math.floor(toNumber(base) / size) === Math.floor(other / size);
      expect(contains(`${base.join('.')}/${length}`, groups.join('.'))).toBe(expected);
    }
  });
});
