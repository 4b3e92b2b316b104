import { describe } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';
import { formatIp, isLinkLocal, isTranslated, parseIp, type IpAddress } from './ip-address.js';

/**
 * A block of IP addresses, as a value: `203.0.113.0/24`, `2001:db8::/32`, or one address, `203.0.113.7`.
 *
 * note: two prefixes are the same if their strings are: bits after the length are cleared (`10.1.2.3/8` is
 * `10.0.0.0/8`), IPv4-mapped IPv6 is folded to IPv4 (`::ffff:10.0.0.0/104`, too).
 * note: a zone is kept where it means something, in `fe80::/10`: `fe80::1%eth0` is one machine, `fe80::%eth0/64` all of
 * that link, and `fe80::1`, without a zone, stands for those of every link.
 * note: IPv4 and IPv6 are apart: `::/0` holds no IPv4 address.
 */
export class IpPrefix {
  /** The family. */
  readonly version: 4 | 6;
  /** How many bits are fixed: 0 to 32, or to 128 with IPv6. */
  readonly length: number;
  /** The zone of a link-local block on one link, `eth0` in `fe80::%eth0/64`; empty otherwise. */
  readonly zone: string;
  /** As in {@link IpAddress}: four groups of 8 bits, or eight of 16. */
  readonly #groups: readonly number[];

  /** The block of the first `length` bits of `ip`. @throws {PeerError} P2P_ERR_INVALID_ADDRESS */
  constructor(ip: IpAddress, length: number) {
    if (!Number.isInteger(length) || length < 0 || length > bitsOf(ip.version)) {
      throw invalidPrefix(`/${describe(length)} is not a prefix length of IPv${ip.version}`);
    }
    this.version = ip.version;
    this.length = length;
    this.#groups = Object.freeze(masked(ip, length)); // `start` shares it
    this.zone = length >= LINK_LOCAL_LENGTH && isLinkLocal(ip) ? ip.zone : '';
  }

  /**
   * The block that `text` names; an address without a length is that address alone.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
   */
  static parse(text: string): IpPrefix {
    const [address = '', length, ...more] = typeof text === 'string' ? text.split('/') : [];
    const ip = more.length > 0 ? undefined : parseIp(address);
    if (ip === undefined) throw invalidPrefix(`${describe(text)} is not an IP address or a prefix`);
    if (length === undefined) return IpPrefix.ofAddress(ip);
    if (!/^\d{1,3}$/.test(length)) throw invalidPrefix(`${describe(text)} has no length after the slash`);
    // Folded from IPv6, whose first 96 bits only say that it is IPv4.
    const folded = ip.version === 4 && address.includes(':') ? 96 : 0;
    const kept = Number(length) - folded;
    if (kept < 0 || kept > bitsOf(ip.version)) {
      throw invalidPrefix(
        `${describe(text)} has a length of ${Number(length)}, not one of ${folded} to ${folded + bitsOf(ip.version)}`,
      );
    }
    return new IpPrefix(ip, kept);
  }

  /** The block of one address. */
  static ofAddress(ip: IpAddress): IpPrefix {
    return new IpPrefix(ip, bitsOf(ip.version));
  }

  /**
   * The block that stands for the host with the address `ip` where hosts are told apart, as limits and bans do: an IPv4
   * address alone, the first `ipv6PrefixLength` bits of an IPv6 address, as who has one of those has all of them. Alone
   * are also a link-local address (`fe80::/10`), as all machines of a LAN share its first bits, and one that stands for
   * an IPv4 host (`64:ff9b::/96`, `64:ff9b:1::/48`: NAT64), as all IPv4 hosts do.
   */
  static ofHost(ip: IpAddress, ipv6PrefixLength: number): IpPrefix {
    const isAlone = ip.version === 4 || isLinkLocal(ip) || isTranslated(ip);
    return isAlone ? IpPrefix.ofAddress(ip) : new IpPrefix(ip, ipv6PrefixLength);
  }

  /** The first address of the block. */
  get start(): IpAddress {
    return { version: this.version, groups: this.#groups, zone: this.zone };
  }

  /** Whether the block is one address. */
  get isAddress(): boolean {
    return this.length === bitsOf(this.version);
  }

  /** Whether all of `other` lies in it: an address, or a block. */
  contains(other: IpAddress | IpPrefix): boolean {
    const { length, groups } =
      other instanceof IpPrefix
        ? { length: other.length, groups: other.#groups }
        : { length: bitsOf(other.version), groups: other.groups };
    if (other.version !== this.version || length < this.length) return false;
    if (this.zone !== '' && this.zone !== other.zone) return false;
    const start = masked({ version: other.version, groups, zone: '' }, this.length);
    return start.every((group, index) => group === this.#groups[index]);
  }

  /** The block of the first `length` bits of this one. @throws {PeerError} P2P_ERR_INVALID_ADDRESS when it is longer */
  shortened(length: number): IpPrefix {
    if (length > this.length) throw invalidPrefix(`${this.toString()} has no /${length}`);
    return new IpPrefix(this.start, length);
  }

  /** The same block on every link. */
  get onEveryLink(): IpPrefix {
    if (this.zone === '') return this;
    return new IpPrefix({ ...this.start, zone: '' }, this.length);
  }

  /** The canonical string, `203.0.113.0/24`; the length is left out where it is 32 with IPv4. */
  toString(): string {
    const start = formatIp(this.start);
    return this.version === 4 && this.isAddress ? start : `${start}/${this.length}`;
  }

  /** As {@link toString}. */
  toJSON(): string {
    return this.toString();
  }
}

/** `fe80::/10`. */
const LINK_LOCAL_LENGTH = 10;

function bitsOf(version: 4 | 6): 32 | 128 {
  return version === 4 ? 32 : 128;
}

/** The groups of `ip` with the bits after `length` cleared. */
function masked({ version, groups }: IpAddress, length: number): number[] {
  const size = version === 4 ? 8 : 16;
  return groups.map((group, index) => {
    const kept = Math.min(size, Math.max(0, length - index * size));
    return group & ~((1 << (size - kept)) - 1);
  });
}

const REMEDY = "use an IP address, or a prefix such as '203.0.113.0/24' or '2001:db8::/32'";

function invalidPrefix(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_ADDRESS', what, { remedy: REMEDY });
}
