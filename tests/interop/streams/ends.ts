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
