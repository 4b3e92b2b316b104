// Standard decorators run before there is a class: errors name the member alone, and may say more of its kind.
import { describe, expect, it } from '@jest/globals';
import { OnConnect } from '@pea2pea/decorators';
import { peerErrorOf } from '@pea2pea/testing';

const onConnect = OnConnect() as (...site: unknown[]) => void;

describe('where standard hook decorators do not belong', () => {
  it.each<[what: string, define: () => unknown, message: string]>([
    [
      'a static method',
      () => {
        class Chat {
          @onConnect
          static greet() {}
        }
        return Chat;
      },
      '@OnConnect stands on the static method greet()',
    ],
    [
      'a private method',
      () => {
        class Chat {
          @onConnect
          #greet() {}
          greet() {
            this.#greet();
          }
        }
        return Chat;
      },
      '@OnConnect stands on the private method #greet()',
    ],
    [
      'a field',
      () => {
        class Chat {
          @onConnect
          greet = () => undefined;
        }
        return Chat;
      },
      '@OnConnect stands on the field greet',
    ],
    [
      'a getter',
      () => {
        class Chat {
          @onConnect
          get greet() {
            return () => undefined;
          }
        }
        return Chat;
      },
      '@OnConnect stands on the getter greet',
    ],
    [
      'an accessor',
      () => {
        class Chat {
          @onConnect
          accessor greet = () => undefined;
        }
        return Chat;
      },
      '@OnConnect stands on the accessor greet',
    ],
  ])('%s', async (_what, define, message) => {
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', define);
    expect(error.message).toContain(message);
  });
});
