// NestJS microservices over its TCP transport: events, which nobody answers. It carries JSON, so that a payload is a text.
import 'reflect-metadata';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, EventPattern, Payload, Transport } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';

/** Events under way before we look whether the socket still takes some. */
const BATCH = 64;
const PATTERN = 'message';

let receive;

class Receiver {
  onEvent(text) {
    receive(text);
  }
}
// What a TypeScript compiler makes of the decorators.
EventPattern(PATTERN)(
  Receiver.prototype,
  'onEvent',
  Object.getOwnPropertyDescriptor(Receiver.prototype, 'onEvent'),
);
Payload()(Receiver.prototype, 'onEvent', 0);
Controller()(Receiver);

class App {}
Module({ controllers: [Receiver] })(App);

export async function listen(count) {
  receive = count;
  const port = await freePort();
  const app = await NestFactory.createMicroservice(App, {
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port },
    logger: false,
  });
  await app.listen();
  return port;
}

export async function connect(port) {
  const client = ClientProxyFactory.create({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port },
  });
  await client.connect();
  const socket = client.unwrap();
  return async (payload, messages) => {
    const text = payload.toString('latin1');
    for (let left = messages; left > 0;) {
      const batch = Math.min(left, BATCH);
      left -= batch;
      // An event goes out whether somebody subscribes or not.
      for (let sent = 1; sent < batch; sent++) client.emit(PATTERN, text);
      await lastValueFrom(client.emit(PATTERN, text), { defaultValue: undefined });
      if (socket.writableNeedDrain) await once(socket, 'drain');
    }
  };
}

/** Nest does not tell which port it listens on. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
