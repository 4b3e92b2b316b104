import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { Handshake } from '@pea2pea/core';
import { freePort, lab, listen, rawPair, until } from '@pea2pea/testing';

const { makeNode } = lab();

/** Agrees on who begins where both ends say that they dialled: whose number is greater. */
async function agree(handshake: Handshake): Promise<'first' | 'second'> {
  const own = randomBytes(16);
  await handshake.write(own);
  return own.compare(await handshake.read(16)) > 0 ? 'first' : 'second';
}

describe('two nodes that dial each other at once', () => {
  it('have one connection that both dialled, and numbers drawn in the handshake give them roles', async () => {
    const roles: string[] = [];
    const directions: string[] = [];
    const onHandshake = async (handshake: Handshake): Promise<void> => {
      directions.push(handshake.direction);
      roles.push(await agree(handshake));
    };
    const [a, b] = [makeNode({}, { onHandshake }), makeNode({}, { onHandshake })];
    const [here, there] = await rawPair();
    const [toB] = await Promise.all([
      a.node.connect('192.0.2.2:40000', { stream: here }),
      b.node.connect('192.0.2.1:40000', { stream: there }),
    ]);
    await toB.send('who dialled whom?');
    await until('it arrived', () => b.messages.length === 1);
    expect(directions).toEqual(['outbound', 'outbound']);
    expect(roles.sort()).toEqual(['first', 'second']);
    for (const { node, opened } of [a, b]) {
      expect(opened.map(({ direction }) => direction)).toEqual(['outbound']);
      expect(node.heuristics).toMatchObject({ accepted: 0, openedInbound: 0, openedOutbound: 1 });
    }
  });
});

describe('a dial from a chosen port', () => {
  it('may share it with a connection to somebody else', async () => {
    const [a, rendezvous, other] = [makeNode(), makeNode(), makeNode()];
    const localPort = await freePort();
    await a.node.connect(await listen(rendezvous), { localPort });
    await a.node.connect(await listen(other), { localPort });
    await until('both have it', () => rendezvous.opened.length + other.opened.length === 2);
    expect([...rendezvous.opened, ...other.opened].map(({ address }) => address.port)).toEqual([
      localPort,
      localPort,
    ]);
  });

  it('fails while somebody listens there', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const { port } = await listen(a);
    await expect(
      a.node.connect(await listen(b), { localAddress: '127.0.0.1', localPort: port }),
    ).rejects.toMatchObject({ code: 'P2P_ERR_CONNECT_FAILED', cause: { code: 'EADDRINUSE' } });
    expect(a.node.connecting).toBe(0);
  });

  // Other systems may refuse such a dial by themselves.
  (process.platform === 'linux' ? it : it.skip)(
    'that is where it goes finds nobody, not itself',
    async () => {
      const a = makeNode();
      const port = await freePort();
      await expect(
        a.node.connect({ host: '127.0.0.1', port }, { localAddress: '127.0.0.1', localPort: port }),
      ).rejects.toMatchObject({
        code: 'P2P_ERR_CONNECT_FAILED',
        message: expect.stringContaining('met itself') as unknown,
      });
      expect(a.opened).toEqual([]);
      expect(a.node.heuristics).toMatchObject({ connectFailures: 1, openedOutbound: 0 });
      await a.node.listen({ host: '127.0.0.1', port }); // nothing holds the port
    },
  );
});
