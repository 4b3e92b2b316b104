/**
 * How a libp2p identity vouches for a Noise key: protobuf `NoiseHandshakePayload { identity_key = 1; identity_sig = 2;
 * extensions = 4 }`, sent encrypted within the handshake.
 * Specification: "noise-libp2p", https://github.com/libp2p/specs/blob/master/noise/README.md
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { PeerError } from '@pea2pea/core';
import { PublicIdentity, readFields, type Identity } from './identity.js';

const SIGNED_PREFIX = Buffer.from('noise-libp2p-static-key:');

/** What `identity` says of its Noise key; without extensions, so that the muxer is negotiated behind the handshake. */
export function noisePayload(identity: Identity, staticKey: Uint8Array): Uint8Array {
  const signature = identity.sign(Buffer.concat([SIGNED_PREFIX, staticKey]));
  return new BinaryWriter()
    .tag(1, 2)
    .bytes(identity.publicIdentity.bytes)
    .tag(2, 2)
    .bytes(signature)
    .finish();
}

/**
 * Who the peer with that Noise key is.
 * @throws {PeerError} P2P_ERR_INVALID_FRAME when the payload is none; P2P_ERR_HANDSHAKE_REJECTED when the signature is not
 * of that identity, or not for that key
 */
export function verifyNoisePayload(payload: Uint8Array, staticKey: Uint8Array): PublicIdentity {
  let identityKey: Uint8Array = new Uint8Array();
  let signature: Uint8Array = new Uint8Array();
  readFields(payload, (field, reader) => {
    if (field === 1) identityKey = reader.bytes();
    else if (field === 2) signature = reader.bytes();
    else return false; // extensions: offers that nobody has to take
    return true;
  });
  const identity = PublicIdentity.parse(identityKey);
  if (!identity.verifies(signature, Buffer.concat([SIGNED_PREFIX, staticKey]))) {
    throw new PeerError('P2P_ERR_HANDSHAKE_REJECTED', `${identity.peerId} has not signed this Noise key`);
  }
  return identity;
}
