import { describe, expect, it } from '@jest/globals';
import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { Codec } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { lengthDelimited, lines, mapCodec } from '@pea2pea/codecs';
import { codecContext, decode, encode, Sending, thrownBy } from './drive.js';

const upper = mapCodec(lines({ unfinished: 'take' }), {
  decode: (line) => line.toUpperCase(),
  encode: (message: string) => message.toLowerCase(),
});

describe('mapCodec', () => {
  it('maps both ways', () => {
    expect(encode(upper, 'HELLO').toString()).toBe('hello\n');
    expect(decode(upper, 'hello\nyou\n')).toEqual(['HELLO', 'YOU']);
  });

  it('maps the last message, which the end of the stream completes', () => {
    expect(decode(upper, 'hello\nyou')).toEqual(['HELLO', 'YOU']);
  });

  it('has no last message where the inner codec has none', () => {
    const mapped = mapCodec(lengthDelimited(), { decode: String, encode: (text: string) => text });
    const decoder = mapped.decoder(codecContext());
    expect(decoder.end?.(new ChunkQueue())).toBe(NEED_MORE);
    expect(thrownBy(() => decode(mapped, '\0\0')).code).toBe('P2P_ERR_TRUNCATED_FRAME');
  });

  it('lets messages of any value through, null included', () => {
    const values = [null, false, 0, ''];
    const indexed = mapCodec(lines(), {
      decode: (line) => values[Number(line)],
      encode: (value: unknown) => String(values.indexOf(value as null)),
    });
    expect(decode(indexed, encode(indexed, ...values))).toEqual(values);
    expect(decode(indexed, '0\n')).toEqual([null]);
  });

  it('calls the maps as methods of their object', () => {
    class Prefix {
      readonly prefix = '> ';
      decode(line: string): string {
        return line.slice(this.prefix.length);
      }
      encode(message: string): string {
        return this.prefix + message;
      }
    }
    const codec = mapCodec(lines(), new Prefix());
    expect(encode(codec, 'a').toString()).toBe('> a\n');
    expect(decode(codec, '> a\n')).toEqual(['a']);
  });

  it('what a map throws is an invalid frame with its cause', () => {
    const cause = new TypeError('no');
    const fails = (): never => {
      throw cause;
    };
    const codec = mapCodec(lines(), { decode: fails, encode: fails });
    const received = thrownBy(() => decode(codec, 'a\n'));
    expect(received.code).toBe('P2P_ERR_INVALID_FRAME');
    expect(received.cause).toBe(cause);
    const sending = new Sending<never>(codec);
    const sent = thrownBy(() => sending.send('a' as never));
    expect(sent.code).toBe('P2P_ERR_INVALID_FRAME');
    expect(sent.cause).toBe(cause);
    expect(sending.halfWritten).toBe(0);
  });

  it.each([
    ['undefined', () => undefined],
    ['a promise', () => Promise.resolve('a')],
    ['a promise that rejects', () => Promise.reject(new Error('no'))],
  ])('a map that returns %s is told so, and no peer is blamed', (_what, result) => {
    const codec = mapCodec(lines(), { decode: result, encode: result as never });
    expect(thrownBy(() => decode(codec, 'a\n')).code).toBe('P2P_ERR_BAD_DECODER');
    expect(thrownBy(() => encode<never>(codec, 'a' as never)).code).toBe('P2P_ERR_INVALID_FRAME');
  });

  it('passes on what the inner decoder holds', () => {
    let held = 2;
    const inner: Codec<string> = {
      ...lines(),
      decoder: () => ({ decode: () => String(held--), holds: () => held > 0 }),
    };
    const same = { decode: (line: string) => line, encode: (line: string) => line };
    const decoder = mapCodec(inner, same).decoder(codecContext());
    expect(decoder.holds?.()).toBe(true);
    expect([decoder.decode(new ChunkQueue()), decoder.decode(new ChunkQueue())]).toEqual(['2', '1']);
    expect(decoder.holds?.()).toBe(false);
    expect(mapCodec(lines(), same).decoder(codecContext()).holds?.()).toBe(false);
  });

  it('a PeerError of a map stays what it is', () => {
    const own = new PeerError('P2P_ERR_FRAME_TOO_LARGE', 'too many points');
    const fails = (): never => {
      throw own;
    };
    const codec = mapCodec(lines(), { decode: fails, encode: fails });
    expect(thrownBy(() => decode(codec, 'a\n'))).toBe(own);
    expect(thrownBy(() => encode<never>(codec, 'a' as never))).toBe(own);
  });

  it('errors of the inner codec stay what they are', () => {
    expect(thrownBy(() => encode(upper, 'A\nB')).message).toContain('contains LF');
    expect(thrownBy(() => decode(upper, '\xff\n')).message).toContain('UTF-8');
  });

  it('encodes alike only where the inner codec does', () => {
    const counting: Codec<string> = { ...lines(), statelessEncoder: false };
    const { statelessEncoder: _left, ...silent } = lines();
    const same = { decode: (line: string) => line, encode: (line: string) => line };
    expect(mapCodec(lines(), same).statelessEncoder).toBe(true);
    expect(mapCodec(counting, same).statelessEncoder).toBe(false);
    expect(mapCodec(silent, same).statelessEncoder).toBe(false);
  });

  it('gives the inner codec the context of the connection', () => {
    const seen: unknown[] = [];
    const inner: Codec<string> = {
      decoder: (context) => (seen.push(context), lines().decoder(context)),
      encoder: (context) => (seen.push(context), lines().encoder(context)),
    };
    const context = codecContext();
    const codec = mapCodec(inner, { decode: (line) => line, encode: (line: string) => line });
    codec.decoder(context);
    codec.encoder(context);
    expect(seen).toEqual([context, context]);
  });
});
