// Legacy decorators are given the class, or its prototype: errors name both, class and member.
import { describe, expect, it } from '@jest/globals';
import { OnConnect } from '@pea2pea/decorators';
import { peerErrorOf } from '@pea2pea/testing';

const onConnect = OnConnect() as (...site: unknown[]) => void;

describe('where legacy hook decorators do not belong', () => {
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
      '@OnConnect stands on the static member Chat.greet',
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
      '@OnConnect stands on the field Chat.greet',
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
      '@OnConnect stands on the accessor Chat.greet',
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
      '@OnConnect stands on the accessor Chat.greet',
    ],
  ])('%s', async (_what, define, message) => {
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', define);
    expect(error.message).toContain(message);
  });
});
