import { defineEnd } from '../harness/end.js';

export const goLibp2p = defineEnd({
  name: 'go-libp2p',
  implementation: 'go-libp2p',
  language: 'Go',
  folder: 'go-libp2p',
  dependency: 'github.com/libp2p/go-libp2p',
  fast: false,
});

export const rustLibp2p = defineEnd({
  name: 'rust-libp2p',
  implementation: 'rust-libp2p',
  language: 'Rust',
  folder: 'rust-libp2p',
  dependency: 'libp2p',
  fast: false,
});

export const jsLibp2p = defineEnd({
  name: 'js-libp2p',
  implementation: 'js-libp2p',
  language: 'Node',
  folder: 'libp2p',
  dependency: 'libp2p',
  script: 'peer.mjs',
  fast: true,
});
