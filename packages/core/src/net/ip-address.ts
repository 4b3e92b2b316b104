/**
 * An IP address as numbers. IPv4 has four groups of 8 bits, IPv6 eight groups of 16.
 * IPv4-mapped IPv6 (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2) becomes version 4 when parsed.
 */
export interface IpAddress {
  /** The family. */
  readonly version: 4 | 6;
  /** The numbers between the dots or colons: 4 of 8 bits, or 8 of 16. */
  readonly groups: readonly number[];
  /**
   * The zone of a link-local IPv6 address (`eth0` in `fe80::1%eth0`), empty otherwise: elsewhere it would be a second
   * name for the same host (RFC 4007, section 6).
   */
  readonly zone: string;
}

/** The name or number of an interface: not empty, and nothing that ends an address in a longer string. */
const ZONE = /^[^\s/[\]\p{Cc}]+$/u;

const DOT = 0x2e;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/** The address that `text` is, or undefined where it is a host name or nonsense. */
export function parseIp(text: string): IpAddress | undefined {
  if (!text.includes(':')) {
    const groups = parseIpv4(text);
    return groups && { version: 4, groups, zone: '' };
  }
  const [bare = '', zone, ...more] = text.split('%');
  if (more.length > 0 || (zone !== undefined && !ZONE.test(zone))) return undefined;
  const groups = parseIpv6(bare);
  if (groups === undefined) return undefined;
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const [high = 0, low = 0] = groups.slice(6);
    return { version: 4, groups: [high >> 8, high & 0xff, low >> 8, low & 0xff], zone: '' };
  }
  return { version: 6, groups, zone: isLinkLocal({ version: 6, groups }) ? (zone ?? '') : '' };
}

/** The canonical form (RFC 5952: lower case, no leading zeros, the longest run of zeros folded). */
export function formatIp(ip: IpAddress): string {
  if (ip.version === 4) return ip.groups.join('.');
  const text = formatIpv6(ip.groups);
  return ip.zone === '' ? text : `${text}%${ip.zone}`;
}

/** Whether `text` is an IPv4 address as {@link formatIp} writes it. It is asked several times a connection, so it allocates nothing. */
export function isCanonicalIpv4(text: string): boolean {
  let [dots, digits, value] = [0, 0, 0];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === DOT) {
      if (digits === 0) return false;
      dots++;
      digits = 0;
      value = 0;
    } else {
      if (code < DIGIT_0 || code > DIGIT_9 || (digits > 0 && value === 0)) return false;
      digits++;
      value = value * 10 + code - DIGIT_0;
      if (value > 255) return false;
    }
  }
  return dots === 3 && digits > 0;
}

export function isWildcard(ip: IpAddress): boolean {
  return ip.groups.every((group) => group === 0);
}

export function isLoopback(ip: IpAddress): boolean {
  if (ip.version === 4) return ip.groups[0] === 127;
  return ip.groups.every((group, index) => group === (index === 7 ? 1 : 0));
}

/**
 * Whether the address has a meaning on one link alone: `fe80::/10` (RFC 4291, section 2.5.6). All machines of a LAN
 * share its first 64 bits, so that each is told apart by all of it, and by its zone.
 */
export function isLinkLocal({ version, groups }: Pick<IpAddress, 'version' | 'groups'>): boolean {
  return version === 6 && (groups[0]! & 0xffc0) === 0xfe80;
}

/**
 * Whether the address stands for an IPv4 host, as a translator (NAT64) writes it for machines that have IPv6 alone:
 * `64:ff9b::/96` (RFC 6052) and `64:ff9b:1::/48` (RFC 8215). All of the IPv4 internet shares its first bits.
 */
export function isTranslated({ version, groups }: Pick<IpAddress, 'version' | 'groups'>): boolean {
  if (version === 4 || groups[0] !== 0x64 || groups[1] !== 0xff9b) return false;
  return groups[2] === 1 || groups.slice(2, 6).every((group) => group === 0);
}

/** No leading zeros: some read them as octal, others do not, and a ban would hit another host (RFC 6943, section 3.1.1). */
function parseIpv4(text: string): number[] | undefined {
  return isCanonicalIpv4(text) ? text.split('.').map(Number) : undefined;
}

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => parseGroups(half, index === halves.length - 1));
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? head : undefined;
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** The 16-bit groups of one side of `::`; the end of an address may be written as IPv4. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(parseInt(part, 16));
      continue;
    }
    const ipv4 = isEnd && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (ipv4 === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = ipv4;
    groups.push((a << 8) | b, (c << 8) | d);
  }
  return groups;
}

function formatIpv6(groups: readonly number[]): string {
  let bestStart = 0;
  let bestLength = 0;
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (start + length < groups.length && groups[start + length] === 0) length++;
    if (length > bestLength) [bestStart, bestLength] = [start, length];
    start += length;
  }
  const hex = groups.map((group) => group.toString(16));
  if (bestLength < 2) return hex.join(':');
  return `${hex.slice(0, bestStart).join(':')}::${hex.slice(bestStart + bestLength).join(':')}`;
}
