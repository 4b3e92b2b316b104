import { json, jsonValues, contentLength, lines } from '@pea2pea/codecs';
import type { Codec } from '@pea2pea/core';
import type { RequestsOptions } from '@pea2pea/rpc';
import { defineEnd, type End, type EndOptions } from '../harness/end.js';

/** How our node has to be made to be understood. */
export interface Speech {
  readonly codec: () => Codec<unknown>;
  readonly options: RequestsOptions;
  /** What a method is called there. @default the name itself */
  readonly nameOf: (name: string) => string;
  /** The params of `add`. */
  readonly add: (a: number, b: number) => object;
  readonly note: (text: string) => object;
}

const PLAIN: Speech = {
  codec: () => json(lines()),
  options: { dialect: 'none' },
  nameOf: (name) => name,
  add: (a, b) => [a, b],
  note: (text) => [text],
};

const speeches = new Map<End, Speech>();

function end(options: EndOptions, speech: Partial<Speech> = {}): End {
  const made = defineEnd(options);
  speeches.set(made, { ...PLAIN, ...speech });
  return made;
}

export function speechOf(made: End): Speech {
  return speeches.get(made)!;
}

const node = (implementation: string, dependency: string, speech: Partial<Speech> = {}): End =>
  end(
    {
      name: dependency,
      implementation,
      language: 'Node',
      folder: 'node-rpc',
      dependency,
      args: [dependency],
      fast: true,
    },
    speech,
  );

/** What LSP clients and servers in JavaScript use. */
export const vscode = node('vscode-jsonrpc', 'vscode-jsonrpc', {
  codec: () => json(contentLength()),
  options: { dialect: 'lsp' },
});

export const jayson4 = node('jayson', 'jayson4', { codec: () => json(jsonValues()) });

/** It parses line by line, where version 4 took values back to back. */
export const jayson5 = node('jayson', 'jayson5');

/** Without a transport of its own: in the program it is one value a line. */
export const jsonRpc2 = node('json-rpc-2.0', 'json-rpc-2.0');

export const jrpc2 = end(
  {
    name: 'jrpc2',
    implementation: 'creachadair/jrpc2',
    language: 'Go',
    folder: 'go-rpc',
    dependency: 'github.com/creachadair/jrpc2',
    args: ['jrpc2'],
    fast: true,
  },
  { codec: () => json(jsonValues()), options: { dialect: 'jrpc2' } },
);

/** JSON-RPC 1.0, in the standard library of Go. */
export const netRpc = end(
  {
    name: 'net-rpc',
    implementation: 'net/rpc/jsonrpc',
    language: 'Go',
    folder: 'go-rpc',
    dependency: 'go',
    args: ['net-rpc'],
    fast: true,
  },
  {
    codec: () => json(jsonValues()),
    options: { version: '1.0' },
    nameOf: (name) => `Test.${name[0]!.toUpperCase()}${name.slice(1)}`,
    add: (a, b) => ({ A: a, B: b }),
    note: (text) => ({ Text: text }),
  },
);

/** What Ethereum nodes speak over sockets. */
export const geth = end(
  {
    name: 'go-ethereum',
    implementation: 'go-ethereum/rpc',
    language: 'Go',
    folder: 'geth-rpc',
    dependency: 'github.com/ethereum/go-ethereum',
    fast: false,
  },
  { codec: () => json(jsonValues()), nameOf: (name) => `test_${name}` },
);

/** It serves, and does not call. */
export const jsonrpcserver = end({
  name: 'jsonrpcserver',
  implementation: 'jsonrpcserver',
  language: 'Python',
  folder: 'python-rpc',
  dependency: 'jsonrpcserver',
  fast: true,
});
