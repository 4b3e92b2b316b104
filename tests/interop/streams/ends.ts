import { defineEnd } from '../harness/end.js';

/** What HashiCorp's Nomad, Consul and Vault use; the specification is theirs. */
export const hashicorp = defineEnd({
  name: 'hashicorp-yamux',
  implementation: 'hashicorp/yamux',
  language: 'Go',
  folder: 'go-streams',
  dependency: 'github.com/hashicorp/yamux',
  args: ['hashicorp'],
  fast: true,
});

/** What go-libp2p uses. */
export const goYamux = defineEnd({
  name: 'go-yamux',
  implementation: 'libp2p/go-yamux',
  language: 'Go',
  folder: 'go-streams',
  dependency: 'github.com/libp2p/go-yamux/v5',
  args: ['go-yamux'],
  fast: true,
});

/** The crate that rust-libp2p used until now, beside the newer one. */
export const rust13 = defineEnd({
  name: 'rust-yamux-0.13',
  implementation: 'yamux (Rust), 0.13',
  language: 'Rust',
  folder: 'rust-streams',
  dependency: 'yamux-0-13',
  args: ['0.13'],
  fast: true,
});

export const rust14 = defineEnd({
  name: 'rust-yamux-0.14',
  implementation: 'yamux (Rust), 0.14',
  language: 'Rust',
  folder: 'rust-streams',
  dependency: 'yamux-0-14',
  args: ['0.14'],
  fast: true,
});

/** What js-libp2p uses; formerly `@chainsafe/libp2p-yamux`. */
export const jsYamux = defineEnd({
  name: 'js-yamux',
  implementation: '@libp2p/yamux',
  language: 'Node',
  folder: 'libp2p',
  dependency: '@libp2p/yamux',
  script: 'streams.mjs',
  fast: true,
});

export const goMultistream = defineEnd({
  ...goYamux,
  name: 'go-multistream',
  implementation: 'multiformats/go-multistream',
  dependency: 'github.com/multiformats/go-multistream',
});

export const rustMultistream = defineEnd({
  ...rust14,
  name: 'rust-multistream',
  implementation: 'multistream-select (Rust)',
  dependency: 'multistream-select',
});

export const jsMultistream = defineEnd({
  ...jsYamux,
  name: 'js-multistream',
  implementation: '@libp2p/multistream-select',
  dependency: '@libp2p/multistream-select',
});
