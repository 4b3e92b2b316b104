import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { against, example, exchange, until, within } from './harness.mjs';

describe(against('resp', 'ioredis'), () => {
  const server = example('resp');

  /** A client that says nothing by itself: INFO and CLIENT are commands that the example does not have. */
  function client(t) {
    const redis = new Redis({ port: server.port, enableReadyCheck: false, disableClientInfo: true });
    t.after(() => redis.disconnect());
    return redis;
  }

  test('what SET stores, binary too, GET returns', async (t) => {
    const redis = client(t);
    const value = Buffer.from([0, 13, 10, 255, 36]);
    assert.equal(await redis.set('key', value), 'OK');
    assert.deepEqual(await redis.getBuffer('key'), value);
    assert.equal(await redis.get('nothing'), null);
    assert.equal(await redis.del('key', 'nothing'), 1);
  });

  test('a value of 900 kB arrives whole', async (t) => {
    const redis = client(t);
    const value = 'x'.repeat(900_000);
    await redis.set('large', value);
    assert.equal(await redis.get('large'), value);
  });

  test('ten thousand pipelined commands are replied to in order', async (t) => {
    const pipeline = client(t).pipeline();
    for (let count = 0; count < 10_000; count++) pipeline.incr('counter');
    const replies = await pipeline.exec();
    assert.deepEqual(
      replies,
      replies.map((_, index) => [null, index + 1]),
    );
  });

  test('an unknown command, too many arguments and a value that is not a number are errors, and the connection lives', async (t) => {
    const redis = client(t);
    await assert.rejects(redis.call('NONSENSE'), { message: /unknown command 'NONSENSE'/ });
    await assert.rejects(redis.call('GET', 'a', 'b'), { message: /wrong number of arguments for 'get'/ });
    await redis.set('word', 'one');
    await assert.rejects(redis.incr('word'), { message: /not an integer/ });
    assert.equal(await redis.ping(), 'PONG');
  });

  test('what is published reaches those who subscribed, until they leave', async (t) => {
    const [publisher, subscriber] = [client(t), client(t)];
    assert.equal(await subscriber.subscribe('news', 'weather'), 2);
    const heard = once(subscriber, 'message');
    assert.equal(await publisher.publish('news', 'hello'), 1);
    assert.deepEqual(await within('the message', heard), ['news', 'hello']);
    assert.equal(await subscriber.unsubscribe('news'), 1);
    assert.equal(await publisher.publish('news', 'again'), 0);
    subscriber.disconnect();
    await until('the subscription is gone', async () => (await publisher.publish('weather', 'rain')) === 0);
  });

  test('QUIT is replied to, and ends the connection', async (t) => {
    const redis = client(t);
    await redis.ping();
    const ended = once(redis, 'end');
    assert.equal(await redis.quit(), 'OK');
    await within('the end', ended);
  });

  test('commands may be typed', async () => {
    const received = await exchange(server, 'PING\r\n\r\nset typed  1\r\nGET typed\r\nQUIT\r\n');
    assert.equal(String(received), '+PONG\r\n+OK\r\n$1\r\n1\r\n+OK\r\n');
  });

  test('who breaks the protocol is told how, after the replies to what was sent before, and disconnected', async () => {
    const told = async (bytes) => String(await exchange(server, bytes));
    assert.equal(
      await told('*1\r\n$4\r\nPING\r\n*1\r\n:4\r\n'),
      "+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n",
    );
    assert.equal(await told('*2000\r\n'), '-ERR Protocol error: invalid multibulk length\r\n');
    assert.equal(await told('*1\r\n$9999999\r\n'), '-ERR Protocol error: invalid bulk length\r\n');
  });

  test('it ends in order, and its clients see that', async (t) => {
    const redis = client(t);
    await redis.ping();
    const closed = once(redis, 'close');
    assert.equal(await server.stop(), 0);
    await within('the end', closed);
    assert.deepEqual(
      server.errors.filter((line) => !line.includes('invalid-frame')),
      [],
    );
  });
});
