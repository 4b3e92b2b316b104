import { requireBoolean } from '@pea2pea/core/authoring';

/** What codecs with a schema do before they send. */
export interface OutboundOptions {
  /**
   * Whether a message is shown to its schema before it is sent, as the other side will receive it. One that does not
   * validate fails this send, with P2P_ERR_INVALID_FRAME, instead of ending the connection over there.
   *
   * note: it costs what encoding and receiving the message cost, each time.
   * @default true, unless the environment variable NODE_ENV is `production` when the codec is made
   */
  readonly checkOutbound?: boolean;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function requireCheckOutbound({ checkOutbound }: OutboundOptions): boolean {
  if (checkOutbound === undefined) return process.env.NODE_ENV !== 'production';
  return requireBoolean('checkOutbound', checkOutbound);
}
