import { defineEnd } from '../harness/end.js';

export const flynn = defineEnd({
  name: 'flynn-noise',
  implementation: 'flynn/noise',
  language: 'Go',
  folder: 'go-noise',
  dependency: 'github.com/flynn/noise',
  fast: true,
});

export const snow = defineEnd({
  name: 'snow',
  implementation: 'snow',
  language: 'Rust',
  folder: 'rust-noise',
  dependency: 'snow',
  fast: false,
});

export const noiseprotocol = defineEnd({
  name: 'noiseprotocol',
  implementation: 'noiseprotocol',
  language: 'Python',
  folder: 'python-noise',
  dependency: 'noiseprotocol',
  fast: false,
});
