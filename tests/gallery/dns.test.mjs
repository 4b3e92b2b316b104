import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { before, describe, test } from 'node:test';
import { example, exchange } from './harness.mjs';

process.env.RES_OPTIONS = 'use-vc'; // TCP alone

describe(`dns against the resolver of node, c-ares ${process.versions.ares}`, () => {
  const server = example('dns');
  const resolver = new Resolver({ timeout: 10_000, tries: 1 });
  before(() => resolver.setServers([`127.0.0.1:${server.port}`]));

  test('records of each type are found, in any case of the name', async () => {
    assert.deepEqual((await resolver.resolve4('Example.TEST')).sort(), ['192.0.2.1', '192.0.2.2']);
    assert.deepEqual(await resolver.resolve6('example.test'), ['2001:db8::1']);
    assert.deepEqual(await resolver.resolveMx('example.test'), [
      { exchange: 'mail.example.test', priority: 10 },
    ]);
    assert.deepEqual(await resolver.resolveNs('example.test'), ['ns.example.test']);
    assert.equal((await resolver.resolveSoa('example.test')).hostmaster, 'admin.example.test');
    const [[ttl]] = [await resolver.resolve4('ns.example.test', { ttl: true })];
    assert.deepEqual(ttl, { address: '192.0.2.53', ttl: 300 });
  });

  test('an alias is followed', async () => {
    assert.deepEqual(await resolver.resolveCname('www.example.test'), ['example.test']);
    assert.deepEqual((await resolver.resolve4('www.example.test')).sort(), ['192.0.2.1', '192.0.2.2']);
  });

  test('a record of 20 kB arrives whole', async () => {
    const [pieces] = await resolver.resolveTxt('example.test');
    assert.equal(pieces.join(''), 'x'.repeat(20_000));
  });

  test('many queries at once have their own responses', async () => {
    const names = Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? 'ns' : 'mail'));
    const found = await Promise.all(names.map((name) => resolver.resolve4(`${name}.example.test`)));
    assert.deepEqual(
      found.map(([address]) => address),
      names.map((name) => (name === 'ns' ? '192.0.2.53' : '192.0.2.25')),
    );
  });

  test('a name that does not exist, a type that a name has not, and another zone are errors of their own', async () => {
    await assert.rejects(resolver.resolve4('nobody.example.test'), { code: 'ENOTFOUND' });
    await assert.rejects(resolver.resolve6('ns.example.test'), { code: 'ENODATA' });
    await assert.rejects(resolver.resolve4('example.com'), { code: 'EREFUSED' });
  });

  test('a malformed question is a format error, another operation not implemented', async () => {
    const reply = (hex) => firstReply(server, Buffer.from(hex.replaceAll(' ', ''), 'hex'));
    assert.deepEqual(await reply('abcd 0100 0001 0000 0000 0000 c0 0c 0001 0001'), { id: 0xabcd, code: 1 });
    assert.deepEqual(await reply('abce 2900 0001 0000 0000 0000 00 0001 0001'), { id: 0xabce, code: 4 });
  });

  test('it ends in order', async () => {
    assert.equal(await server.stop(), 0);
    assert.deepEqual(server.errors, []);
  });
});

/** Sends `query`, then bytes that are none, so that the server ends the connection. */
async function firstReply(server, query) {
  const framed = Buffer.concat([Buffer.from([0, query.length]), query, Buffer.from([0, 1, 0])]);
  const received = await exchange(server, framed);
  return { id: received.readUInt16BE(2), code: received[5] & 15 };
}
