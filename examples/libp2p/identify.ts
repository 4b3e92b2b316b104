/**
 * `/ipfs/id/1.0.0`: what a peer says of itself, as far as two that ping each other need it. The listener sends one
 * message, protobuf `Identify` behind its length, and ends the stream.
 * Specification: https://github.com/libp2p/specs/blob/master/identify/README.md
 */
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { PeerError } from '@pea2pea/core';
import { readExactly, select, type Yamux, type YamuxStream } from '@pea2pea/streams';
import { readFields, type PublicIdentity } from './identity.js';

export const IDENTIFY = '/ipfs/id/1.0.0';
/** The specification asks for no more than a few kilobytes; others use this limit, too. */
const MAX_LENGTH = 8_192;
const TIMEOUT_MS = 5_000;

export interface PeerInfo {
  readonly agentVersion: string;
  readonly protocols: readonly string[];
}

/** Tells the peer about us. */
export function answerIdentify(stream: YamuxStream, publicKey: Uint8Array, info: PeerInfo): void {
  const message = new BinaryWriter().tag(1, 2).bytes(publicKey);
  for (const protocol of info.protocols) message.tag(3, 2).string(protocol);
  message.tag(5, 2).string('ipfs/0.1.0').tag(6, 2).string(info.agentVersion);
  stream.end(new BinaryWriter().bytes(message.finish()).finish()).resume(); // the length, then the message
}

/**
 * Asks the peer about itself.
 * @throws {PeerError} P2P_ERR_INVALID_FRAME for another key than that of `remote`, and for what is no such message
 */
export async function identify(session: Yamux, remote: PublicIdentity): Promise<PeerInfo> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const stream = session.openStream();
  try {
    await select(stream, [IDENTIFY], { signal });
    const message = await readMessage(stream, signal);
    let publicKey = remote.bytes;
    let agentVersion = '';
    const protocols: string[] = [];
    readFields(message, (field, reader) => {
      if (field === 1) publicKey = reader.bytes();
      else if (field === 3) protocols.push(reader.string());
      else if (field === 6) agentVersion = reader.string();
      else return false;
      return true;
    });
    if (!Buffer.from(remote.bytes).equals(publicKey)) {
      throw new PeerError('P2P_ERR_INVALID_FRAME', `${remote.peerId} says that it is somebody else`);
    }
    stream.end().resume();
    return { agentVersion, protocols };
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

async function readMessage(stream: YamuxStream, signal: AbortSignal): Promise<Buffer> {
  let prefix = await readExactly(stream, 1, { signal });
  while (prefix.at(-1)! > 0x7f && prefix.length < 5) {
    prefix = Buffer.concat([prefix, await readExactly(stream, 1, { signal })]);
  }
  const length = readLength(prefix);
  if (length > MAX_LENGTH) {
    throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', `an identify message of ${length} bytes`);
  }
  return readExactly(stream, length, { signal });
}

function readLength(prefix: Buffer): number {
  try {
    return new BinaryReader(prefix).uint32();
  } catch (cause) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'the length of an identify message is no varint', { cause });
  }
}
