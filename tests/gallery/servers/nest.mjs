// A microservice of NestJS over its TCP transport, with one method that returns what it is given.
import 'reflect-metadata';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload, Transport } from '@nestjs/microservices';

class Echo {
  echo(data) {
    return data;
  }
}
// What a TypeScript compiler makes of the decorators.
MessagePattern('echo')(Echo.prototype, 'echo', Object.getOwnPropertyDescriptor(Echo.prototype, 'echo'));
Payload()(Echo.prototype, 'echo', 0);
Controller()(Echo);

class App {}
Module({ controllers: [Echo] })(App);

// It does not tell which port it listens at.
const probe = createServer().listen(0, '127.0.0.1');
await once(probe, 'listening');
const { port } = probe.address();
await new Promise((resolve) => probe.close(resolve));

const options = { host: '127.0.0.1', port };
const app = await NestFactory.createMicroservice(App, { transport: Transport.TCP, options, logger: false });
await app.listen();
console.log(`127.0.0.1:${port}`);
