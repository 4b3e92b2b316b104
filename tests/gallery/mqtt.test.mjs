import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as dial } from 'node:net';
import { describe, test } from 'node:test';
import mqtt from 'mqtt';
import { against, example, exchange, until, within } from './harness.mjs';

describe(against('mqtt', 'mqtt'), () => {
  const server = example('mqtt');

  async function client(t, options = {}) {
    const made = mqtt.connect({ host: server.host, port: server.port, reconnectPeriod: 0, ...options });
    t.after(() => made.end(true));
    const heard = [];
    made.on('message', (topic, payload, { qos, retain }) =>
      heard.push([topic, String(payload), qos, retain]),
    );
    made.on('error', () => {});
    await within('the connection', once(made, 'connect'));
    return Object.assign(made, { heard });
  }

  test('a message arrives with the quality that was asked for, two at most', async (t) => {
    const [publisher, subscriber] = [await client(t), await client(t)];
    const granted = await subscriber.subscribeAsync({ zero: { qos: 0 }, one: { qos: 1 }, two: { qos: 2 } });
    assert.deepEqual(
      granted.map(({ qos }) => qos),
      [0, 1, 1],
    );
    for (const topic of ['zero', 'one', 'two']) {
      for (const qos of [0, 1, 2]) await publisher.publishAsync(topic, `grüße ${qos}`, { qos });
    }
    await until('all have arrived', () => subscriber.heard.length === 9);
    assert.deepEqual(
      subscriber.heard.map(([topic, payload, qos]) => [topic, payload, qos]),
      ['zero', 'one', 'two'].flatMap((topic) =>
        [0, 1, 2].map((qos) => [topic, `grüße ${qos}`, Math.min(qos, topic === 'zero' ? 0 : 1)]),
      ),
    );
  });

  test('wildcards match whole levels, and not what begins with a dollar', async (t) => {
    const [publisher, subscriber] = [await client(t), await client(t)];
    await subscriber.subscribeAsync(['+/temperature', 'house/#', '#']);
    for (const topic of ['garden/temperature', 'house', 'house/a/b', '/temperature', '$SYS/temperature']) {
      await publisher.publishAsync(topic, 'x', { qos: 1 });
    }
    await until('all have arrived', () => subscriber.heard.length === 4);
    assert.deepEqual(
      subscriber.heard.map(([topic]) => topic),
      ['garden/temperature', 'house', 'house/a/b', '/temperature'],
    );
    await subscriber.unsubscribeAsync(['#', 'house/#']);
    await publisher.publishAsync('house', 'y', { qos: 1 });
    await publisher.publishAsync('a/temperature', 'y', { qos: 1 });
    await until('the last has arrived', () => subscriber.heard.length === 5);
    assert.equal(subscriber.heard.at(-1)[0], 'a/temperature');
  });

  test('what is retained is what a subscription begins with, until it is cleared', async (t) => {
    const publisher = await client(t);
    await publisher.publishAsync('state/door', 'closed', { retain: true, qos: 1 });
    await publisher.publishAsync('state/door', 'open', { retain: true, qos: 1 });
    const late = await client(t);
    await late.subscribeAsync('state/+', { qos: 1 });
    await until('it has arrived', () => late.heard.length === 1);
    assert.deepEqual(late.heard[0], ['state/door', 'open', 1, true]);
    await publisher.publishAsync('state/door', '', { retain: true, qos: 1 });
    const later = await client(t);
    await later.subscribeAsync('state/+');
    await publisher.publishAsync('state/end', 'x', { qos: 1 });
    await until('the live one has arrived', () => later.heard.length === 1);
    assert.equal(later.heard[0][0], 'state/end');
  });

  test('a will is published where a client goes without a word, and only there', async (t) => {
    const witness = await client(t);
    await witness.subscribeAsync('wills');
    const will = (payload) => ({ will: { topic: 'wills', payload, qos: 0, retain: false } });
    await (await client(t, will('polite'))).endAsync();
    (await client(t, will('rude'))).stream.destroy();
    await until('the will has arrived', () => witness.heard.length === 1);
    assert.equal(witness.heard[0][1], 'rude');
  });

  test('a second client with the same id replaces the first', async (t) => {
    const first = await client(t, { clientId: 'same' });
    const closed = once(first, 'close');
    const second = await client(t, { clientId: 'same' });
    await within('the end of the first', closed);
    await second.subscribeAsync('x');
    await second.publishAsync('x', 'alive', { qos: 1 });
    await until('it has arrived', () => second.heard.length === 1);
  });

  test('a client that is silent for longer than it promised is disconnected, and has its will', async (t) => {
    const witness = await client(t);
    await witness.subscribeAsync('wills');
    const socket = dial(server.port, server.host);
    t.after(() => socket.destroy());
    // CONNECT with a will and a keep-alive of one second; nothing comes after it.
    socket.write('\x10\x1c\0\x04MQTT\x04\x06\0\x01\0\x01c\0\x05wills\0\x06silent', 'latin1');
    const ended = once(socket, 'end');
    socket.resume();
    const since = Date.now();
    await within('the end', ended);
    assert.ok(Date.now() - since > 1_400);
    await until('the will has arrived', () => witness.heard.length === 1);
    assert.equal(witness.heard[0][1], 'silent');
  });

  test('a keep-alive keeps a quiet client', async (t) => {
    const quiet = await client(t, { keepalive: 1 });
    for (let pings = 0; pings < 3; pings++) {
      await within('a pong', new Promise((resolve) => quiet.once('packetreceive', resolve)));
    }
    assert.ok(quiet.connected);
  });

  test('a wrong password and another version are told by their code', async (t) => {
    await client(t, { username: 'ann', password: 'secret' });
    const refused = mqtt.connect({
      host: server.host,
      port: server.port,
      username: 'ann',
      password: 'x',
      reconnectPeriod: 0,
    });
    t.after(() => refused.end(true));
    const [error] = await within('the error', once(refused, 'error'));
    assert.equal(error.code, 4);
    const connack = await exchange(server, Buffer.from('100c00044d5154540502003c0000', 'hex'));
    assert.deepEqual(connack, Buffer.from([0x20, 2, 0, 1]));
  });

  test('what no client may send ends the connection', async () => {
    const hello = '100c00044d5154540402003c0000';
    const connack = '20020000';
    for (const packet of [
      '300400012b78', // a wildcard in a topic
      '8206000100012b03', // a quality of 3
      '8006000100012b00', // the wrong flags
      '30ffffffff7f', // a length of five bytes
      '30ffffff7f', // one over the limit
      hello, // a second CONNECT
      'f000', // a type that there is not
    ]) {
      const received = await exchange(server, Buffer.from(hello + packet, 'hex'));
      assert.equal(received.toString('hex').slice(0, connack.length), connack, packet);
      assert.equal(received.length, 4, packet);
    }
  });

  test('ten thousand messages arrive in order', async (t) => {
    const [publisher, subscriber] = [await client(t), await client(t)];
    await subscriber.subscribeAsync('many', { qos: 1 });
    const published = Array.from({ length: 10_000 }, (_, index) =>
      publisher.publishAsync('many', String(index), { qos: 1 }),
    );
    await within('all acknowledgements', Promise.all(published));
    await until('all have arrived', () => subscriber.heard.length === 10_000);
    assert.ok(subscriber.heard.every(([, payload], index) => payload === String(index)));
  });

  test('it ends in order', async (t) => {
    const ann = await client(t);
    const closed = once(ann, 'close');
    assert.equal(await server.stop(), 0);
    await within('the end', closed);
  });
});
