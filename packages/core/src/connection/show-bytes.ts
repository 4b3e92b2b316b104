import { diagnostics, type BytesDiagnostic } from '../contracts/diagnostics.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';

/** Shows `bytes` to the subscribers of a channel: to be called where it has some, before the bytes are worked on. */
export function showBytes(
  channel: 'bytesReceived' | 'bytesSent',
  node: NodeContext,
  connection: InnerConnection,
  bytes: Uint8Array,
): void {
  const event: BytesDiagnostic = {
    ...node.about,
    connection,
    bytes,
    stream: connection.topStream,
  };
  diagnostics[channel].publish(event);
}

/** Counts bytes that came, and shows them to those who watch. */
export function countReceived(node: NodeContext, connection: InnerConnection, bytes: Uint8Array): void {
  connection.stats.bytesReceived += bytes.length;
  node.traffic.bytesReceived += bytes.length;
  if (diagnostics.bytesReceived.hasSubscribers) showBytes('bytesReceived', node, connection, bytes);
}
