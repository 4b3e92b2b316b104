// Standard decorators know neither parameters nor types: only a list tells what a constructor takes.
import { expect, it } from '@jest/globals';
import { memoryTransport } from '@pea2pea/core';
import { createPeer, Peer } from '@pea2pea/decorators';
import { Container, injectable } from 'inversify';
import { peerErrorOf, textCodec } from '@pea2pea/testing';

@injectable()
class Clock {}

it('a constructor with parameters and no list is refused, with the remedy', async () => {
  @Peer({ codec: textCodec() })
  class ByType {
    readonly clock: Clock;
    constructor(clock: Clock) {
      this.clock = clock;
    }
  }
  const container = new Container();
  container.bind(Clock).toSelf();
  const config = { transport: memoryTransport() };
  const error = await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () =>
    createPeer(ByType, { container, config }),
  );
  expect(error.message).toMatch(/^ByType cannot be made: .*@Peer\(\{ inject: \[Service\] \}\)/);
});
