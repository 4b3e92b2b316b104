import { createServer } from 'node:http';
import { healthListener } from '@pea2pea/observe/health';
import { prometheus } from '@pea2pea/observe/prometheus';
import type { PeerHandle } from '@pea2pea/decorators';

/** Serves what Prometheus and an orchestrator ask for, on a port of its own: peers are on another. */
export async function serveObservations(peer: PeerHandle<object>): Promise<{ url: string; close(): void }> {
  const metrics = prometheus(peer);
  const health = healthListener(peer);
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') return health(request, response);
    void metrics.text().then((text) => response.setHeader('content-type', metrics.contentType).end(text));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      server.close();
      server.closeAllConnections();
      metrics.close();
    },
  };
}
