import { describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode, type PeerError } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { json, lines } from '@pea2pea/codecs';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';
import { method, RequestError, Requests, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { ANYWHERE, lab, type LogLine, peerErrorOf, recordingLogger, until } from '@pea2pea/testing';
import { byHand, Caller, inMemory } from './requests-lab.js';

const { own } = lab();

const echo = method<object | undefined, unknown>('echo');

@Peer({
  codec: json(lines({ maxLength: 4 * 1024 * 1024 }), { unreadable: 'deliver' }),
  plugins: [requests({ maxConcurrent: 4 })],
})
class Echo {
  readonly passedBy: unknown[] = [];
  @OnRequest(echo)
  echo(params: object | undefined) {
    return params;
  }
  @OnMessage()
  any(message: unknown) {
    this.passedBy.push(message);
  }
}

/** `Echo`, and what it answers to lines of text, whatever is in them. */
async function inText() {
  const transport = memoryTransport();
  const server = own(await createPeer(Echo, { config: { transport }, listen: ANYWHERE }));
  const heard: unknown[] = [];
  const wire: string[] = [];
  const node = own(new PeerNode({ codec: lines({ maxLength: 4 * 1024 * 1024 }), transport })).use({
    onMessage(line) {
      wire.push(line);
      heard.push(JSON.parse(line));
    },
  });
  const connection = await node.connect(server.address!);
  return {
    requests: server.get(Requests),
    peer: server.peer,
    connection,
    /** Every line that was sent to us. */
    wire,
    /** What is answered to `line`, or undefined where that is nothing. */
    async answerTo(line: string) {
      heard.length = 0;
      await connection.send(line);
      await connection.send('{"jsonrpc":"2.0","id":"last","method":"echo"}');
      await until('the last one is answered', () => heard.some((answer) => isLast(answer)));
      const [answer] = heard.filter((other) => !isLast(other));
      return answer;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([server.close(), node.close()]);
    },
  };
}

function isLast(answer: unknown): boolean {
  return (answer as { id?: unknown }).id === 'last';
}

describe('a request', () => {
  it.each([
    ['true', 'true'],
    ['an object', '{}'],
    ['a list', '[1]'],
    ['beyond all numbers', '1e999'],
    ['a text of 129 characters', JSON.stringify('x'.repeat(129))],
    ['a text of a million characters', JSON.stringify('x'.repeat(1_000_000))],
  ])('with %s for an id is refused, without the id', async (_what, id) => {
    await using text = await inText();
    expect(await text.answerTo(`{"jsonrpc":"2.0","id":${id},"method":"echo"}`)).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: {
        code: -32600,
        message: 'the id must be a finite number, or a string of at most 128 characters',
      },
    });
    expect(text.requests.counters.served).toBe(1);
  });

  it.each([
    '0',
    '-1',
    '1.5',
    '""',
    'null',
    '9007199254740993',
    '-123456789012345678901234567890',
    '"__proto__"',
    JSON.stringify('x'.repeat(128)),
  ])('with the id %s is answered with it', async (id) => {
    await using text = await inText();
    expect(await text.answerTo(`{"jsonrpc":"2.0","id":${id},"method":"echo","params":[1]}`)).toEqual({
      jsonrpc: '2.0',
      id: JSON.parse(id) as unknown,
      result: [1],
    });
    // To the last digit.
    expect(text.wire.at(-2)).toContain(`"id":${id},`);
  });

  it.each(['"text"', '7', 'true'])('with the params %s is refused', async (params) => {
    await using text = await inText();
    expect(await text.answerTo(`{"jsonrpc":"2.0","id":1,"method":"echo","params":${params}}`)).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: { code: -32600, message: 'the params must be an object or an array' },
    });
  });

  it('with null for params has none', async () => {
    await using text = await inText();
    const answer = await text.answerTo('{"jsonrpc":"2.0","id":1,"method":"echo","params":null}');
    expect(answer).toEqual({ jsonrpc: '2.0', id: 1, result: null });
  });

  it.each([
    ['{"jsonrpc":"2.0","id":1}', 1],
    ['{"jsonrpc":"2.0","id":1,"method":7}', 1],
    ['{"jsonrpc":"2.0","id":1,"method":null,"result":1}', 1],
    ['{"jsonrpc":"2.0","method":{},"params":"bar"}', null],
    ['{"jsonrpc":"2.0"}', null],
  ])('without a method, such as %s, is refused', async (line, id) => {
    await using text = await inText();
    expect(await text.answerTo(line)).toEqual({
      jsonrpc: '2.0',
      id,
      error: { code: -32600, message: 'the method must be a string' },
    });
  });

  it('in a frame that is not JSON is a parse error, and the next one is served', async () => {
    await using text = await inText();
    for (const broken of ['{"jsonrpc":"2.0","id":1,"method"', '', '\uFEFF{}', "{'a':1}"]) {
      expect(await text.answerTo(broken)).toEqual({
        jsonrpc: '2.0',
        id: null,
        error: { code: -32700, message: 'parse error' },
      });
    }
    expect(text.peer.passedBy).toEqual([]);
  });

  it('with keys that mean something to objects is plain data', async () => {
    await using text = await inText();
    const params = '{"__proto__":{"polluted":true},"constructor":1,"then":2}';
    const line = `{"jsonrpc":"2.0","id":1,"method":"echo","__proto__":{"x":1},"params":${params}}`;
    const answer = (await text.answerTo(line)) as { result: object };
    expect(JSON.stringify(answer.result)).toBe(params);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('by the thousand, none of it sound, leaves nothing behind', async () => {
    await using text = await inText();
    for (let turn = 0; turn < 50; turn++) {
      const flood = Array.from(
        { length: 100 },
        (_, index) => `{"jsonrpc":"2.0","id":${index},"method":${index}}`,
      );
      await Promise.all(flood.map((line) => text.connection.send(line)));
    }
    expect(await text.answerTo('{"jsonrpc":"2.0","id":1,"method":"x"}')).toBeDefined();
    expect(text.requests.counters.refused).toBe(5_001);
    expect([text.requests.running, text.requests.pending]).toEqual([0, 0]);
  });
});

describe('a response', () => {
  it('to what was never asked is counted and ignored, with one line a second', async () => {
    const clock = new ControlledClock();
    const log: LogLine[] = [];
    await using hand = await byHand(
      Caller,
      inMemory({ clock, logger: recordingLogger(log), idleTimeoutMs: 0 }),
    );
    const { counters } = hand.requests;
    const ids = [1, 2, -1, 0.5, '1', null, true, {}, [1], '__proto__', 'x'.repeat(1_000_000), undefined];
    for (const id of ids) await hand.send({ jsonrpc: '2.0', id, result: 'x' });
    await until('all are counted', () => counters.unknownResponses === ids.length);
    expect(log.filter(({ level }) => level === 'warn')).toEqual([
      {
        level: 'warn',
        fields: expect.objectContaining({
          peer: hand.back.address.toString(),
          times: 1,
          lateResponses: 0,
          unknownResponses: 1,
        }),
        text: 'ignored responses that no call waits for',
      },
    ]);
    clock.advance(1_000);
    await hand.send({ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'Parse error' } });
    await until('there is a second line', () => log.filter(({ level }) => level === 'warn').length === 2);
    expect(log.filter(({ level }) => level === 'warn')[1]!.fields).toMatchObject({
      times: ids.length,
      rpcCode: -32700,
    });
    expect(counters.lateResponses).toBe(0);
    expect(hand.heard).toEqual([]);
  });

  const sound = { code: 1, message: 'x' };
  it.each([
    ['both a result and an error', { result: 1, error: sound }],
    ['neither a result nor an error', { error: null }],
    ['a text for an error', { error: 'no' }],
    ['a list for an error', { error: [] }],
    ['an error without a message', { error: { code: 1 } }],
    ['an error with a text for a code', { error: { ...sound, code: '1' } }],
    ['an error with a fraction for a code', { error: { ...sound, code: 0.5 } }],
    ['an error with an object for a message', { error: { ...sound, message: {} } }],
  ])('with %s rejects its call', async (_what, answer) => {
    await using hand = await byHand(Caller);
    const call = hand.requests.call(hand.back, echo);
    await hand.hears(1);
    await hand.send({ jsonrpc: '2.0', id: 1, ...answer });
    const error = await peerErrorOf('P2P_ERR_INVALID_RESPONSE', () => call);
    expect(error.message).toContain("to 'echo' is not a valid response of JSON-RPC 2.0");
    expect(hand.requests.pending).toBe(0);
    expect(hand.back.state).toBe('open');
  });

  it('with null where the other implementation leaves out is taken as it is meant', async () => {
    await using hand = await byHand(Caller);
    const [good, bad] = [hand.requests.call(hand.back, echo), hand.requests.call(hand.back, echo)];
    await hand.hears(2);
    await hand.send(
      { jsonrpc: '2.0', id: 1, result: null, error: null },
      { jsonrpc: '2.0', id: 2, result: null, error: sound },
    );
    expect(await good).toBeNull();
    await peerErrorOf('P2P_ERR_REQUEST_FAILED', () => bad);
  });

  it('with a huge error message makes no huge text, nor lines of its own', async () => {
    await using hand = await byHand(Caller);
    const call = hand.requests.call(hand.back, echo);
    await hand.hears(1);
    const message = `x\n${'y'.repeat(1_000_000)}`;
    await hand.send({ jsonrpc: '2.0', id: 1, error: { code: 1, message } });
    const error: PeerError = await peerErrorOf('P2P_ERR_REQUEST_FAILED', () => call);
    expect(error.message.length).toBeLessThan(500);
    expect(error.message).not.toContain('\n');
    expect(RequestError.is(error) && error.rpcMessage).toBe(message);
  });
});
