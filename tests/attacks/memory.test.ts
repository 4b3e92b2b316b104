import { describe, expect, it } from '@jest/globals';
import type { Codec } from '@pea2pea/core';
import { rawConnect, socketClosed } from '@pea2pea/testing';
import { paced } from '../support/attacker.js';
import type { ScenarioKit, Scenario } from '../support/victim.js';
import { mebi, tell } from './figures.js';
import { GREEDY, type GreedyCodec } from './greedy-frames.js';
import { startVictim } from './victims.js';

const MIB = 1024 * 1024;
/** The default of `maxBufferedBytes`, and as much again by half for garbage, and for one decoded message for each. */
const MOST_GROWTH = (128 + 64) * MIB;
/** Frames on one connection. */
const FRAMES = 64;

interface Args {
  readonly codec: GreedyCodec;
  readonly handlerMs: number;
}

/** Handlers of a victim take their time. Sent as text, as it is. */
async function slowHandlers({ args, codecs, figures }: ScenarioKit): Promise<Scenario> {
  const { codec, handlerMs } = args as Args;
  const { compressed, lengthDelimited, json, lines, tagged, unchecked, validated } = codecs;
  const { msgpack } = await import('@pea2pea/codecs/msgpack');
  const { cbor } = await import('@pea2pea/codecs/cbor');
  const { protobuf } = await import('@pea2pea/codecs/protobuf');
  const { ListValueSchema } = await import('@bufbuild/protobuf/wkt');
  const make: Record<GreedyCodec, () => Codec<never>> = {
    compressed: () => compressed(lengthDelimited()) as Codec<never>,
    compressedJson: () => json(compressed(lengthDelimited())),
    json: () => json(),
    jsonLines: () => json(lines({ maxLength: 1024 * 1024 })),
    tagged: () => tagged({ list: unchecked<{ list: unknown[] }>() }) as unknown as Codec<never>,
    validated: () => validated(json(), unchecked<never>()),
    msgpack: () => msgpack(),
    cbor: () => cbor(),
    protobuf: () => protobuf(ListValueSchema) as unknown as Codec<never>,
    lengthDelimited: () => lengthDelimited() as Codec<never>,
    varintDelimited: () => codecs.varintDelimited() as Codec<never>,
    delimiter: () => codecs.delimiter(';') as Codec<never>,
    lines: () => lines() as Codec<never>,
    fixedLength: () => codecs.fixedLength(1) as Codec<never>,
    bytes: () => codecs.bytes() as Codec<never>,
  };
  figures['handled'] = 0;
  return {
    codec: make[codec](),
    hooks: {
      async onMessage() {
        figures['handled']!++;
        await new Promise((resolve) => setTimeout(resolve, handlerMs));
      },
    },
  };
}

/** Has `connections` peers send as much as they can, until each was ended, or has had its handler run for a second time. */
async function growthOf(args: Args, bytes: Buffer, connections: number): Promise<number> {
  const victim = await startVictim({ codec: 'bytes', args, scenario: slowHandlers });
  const before = (await victim.memory()).rss;
  let ended = 0;
  const sockets = await Promise.all(Array.from({ length: connections }, () => rawConnect(victim.address)));
  await paced(connections, connections, async (index) => {
    const socket = sockets[index]!;
    void socketClosed(socket).then(() => ended++);
    for (let frame = 0; frame < FRAMES; frame++) socket.write(bytes);
  });
  const { peakRss, figures } = await victim.until(
    'each is ended or handled twice',
    (report) => report.figures['handled']! >= 2 * (connections - ended),
    30_000,
  );
  const endedByUs = ended;
  for (const socket of sockets) socket.resetAndDestroy();
  const growth = peakRss - before;
  tell(`${connections} x ${FRAMES} frames of ${bytes.length} bytes, ${args.codec}`, {
    'resident before': mebi(before),
    growth: mebi(growth),
    handled: figures['handled']!,
    ended: endedByUs,
  });
  return growth;
}

const TIMEOUT_MS = 90_000;

describe('what ten peers of one address send to slow handlers is bounded in memory', () => {
  it.each(GREEDY)(
    '$codec: $what',
    async ({ codec, bytes }) => {
      expect(await growthOf({ codec, handlerMs: 1_000 }, bytes, 10)).toBeLessThan(MOST_GROWTH);
    },
    TIMEOUT_MS,
  );

  it(
    'MessagePack from a single one, and a handler of three seconds',
    async () => {
      const { bytes } = GREEDY.find(({ codec }) => codec === 'msgpack')!;
      expect(await growthOf({ codec: 'msgpack', handlerMs: 3_000 }, bytes, 1)).toBeLessThan(MOST_GROWTH);
    },
    TIMEOUT_MS,
  );
});
