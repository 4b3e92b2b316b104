import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Modbus from 'modbus-serial';
import { against, example, exchange } from './harness.mjs';

describe(against('modbus', 'modbus-serial'), () => {
  const server = example('modbus');
  const client = new Modbus();
  before(async () => {
    await client.connectTCP(server.host, { port: server.port });
    client.setID(17);
    client.setTimeout(5_000);
  });
  after(() => client.close(() => {})); // a promise of it does not settle where the server has ended

  test('coils that are written, one or many, are read', async () => {
    await client.writeCoil(3, true);
    await client.writeCoils(8, [true, false, true, true, false, false, false, false, true]);
    const { data } = await client.readCoils(0, 20);
    assert.deepEqual(
      data.slice(0, 20).flatMap((on, index) => (on ? [index] : [])),
      [3, 8, 10, 11, 16],
    );
  });

  test('registers that are written, one or many, are read', async () => {
    await client.writeRegister(0, 65_535);
    await client.writeRegisters(1, [1, 2, 40_000]);
    const { data } = await client.readHoldingRegisters(0, 5);
    assert.deepEqual(data, [65_535, 1, 2, 40_000, 0]);
  });

  test('the most that a request may name is read', async () => {
    const registers = await client.readInputRegisters(0, 125);
    assert.deepEqual(
      registers.data,
      Array.from({ length: 125 }, (_, address) => address * 3),
    );
    const inputs = await client.readDiscreteInputs(0, 1_000);
    assert.deepEqual(
      inputs.data.slice(0, 1_000),
      Array.from({ length: 1_000 }, (_, address) => address % 2 === 1),
    );
  });

  test('requests that overtake each other have their own responses', async () => {
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, address) => client.readInputRegisters(address, 1)),
    );
    assert.deepEqual(
      all.map(({ data: [value] }) => value),
      Array.from({ length: 50 }, (_, address) => address * 3),
    );
  });

  test('what the device does not have is an exception, and the connection lives', async () => {
    await assert.rejects(client.readHoldingRegisters(999, 2), { modbusCode: 2 });
    await assert.rejects(client.readHoldingRegisters(0, 126), { modbusCode: 3 });
    await assert.rejects(client.readDeviceIdentification(1, 0), { modbusCode: 1 });
    assert.deepEqual((await client.readHoldingRegisters(0, 1)).data, [65_535]);
  });

  test('another protocol, and a length that no request has, end the connection', async () => {
    for (const head of ['0001 0001 0002 11 01', '0001 0000 00ff 11', '0001 0000 0001 11']) {
      const received = await exchange(server, Buffer.from(head.replaceAll(' ', ''), 'hex'));
      assert.equal(received.length, 0);
    }
  });

  test('it ends in order', async () => {
    assert.equal(await server.stop(), 0);
  });
});
