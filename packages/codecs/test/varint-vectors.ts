/** The examples of multiformats/unsigned-varint, and the edges of its nine bytes. In hexadecimal. */
export const VARINTS: readonly { readonly value: number; readonly wire: string }[] = [
  { value: 0, wire: '00' },
  { value: 1, wire: '01' },
  { value: 127, wire: '7f' },
  { value: 128, wire: '8001' },
  { value: 255, wire: 'ff01' },
  { value: 300, wire: 'ac02' },
  { value: 16383, wire: 'ff7f' },
  { value: 16384, wire: '808001' },
  { value: 2 ** 21 - 1, wire: 'ffff7f' },
  { value: 2 ** 21, wire: '80808001' },
];

/** Lengths that nobody can hold: the largest that a number counts exactly, the one behind it, and all of 63 bits. */
export const HUGE_VARINTS = ['ffffffffffffff0f', '8080808080808010', 'ffffffffffffffff7f'];

/** Encodings that the specification forbids. */
export const FORBIDDEN_VARINTS: readonly { readonly what: string; readonly wire: string }[] = [
  { what: 'a zero in two bytes', wire: '8000' },
  { what: 'a one in two bytes', wire: '8100' },
  { what: '127 in three bytes', wire: 'ff8000' },
  { what: '128 in three bytes', wire: '808100' },
  { what: 'a zero in nine bytes', wire: '808080808080808000' },
  { what: 'ten bytes', wire: 'ffffffffffffffffff01' },
  { what: 'ten bytes, the last of them missing', wire: '808080808080808080' },
];

/** Lengths in more bytes than they need, up to the ten that protobuf reads. */
export const PADDED_VARINTS: readonly { readonly value: number; readonly wire: string }[] = [
  { value: 0, wire: '8000' },
  { value: 1, wire: '8100' },
  { value: 5, wire: '8580808000' },
  { value: 127, wire: 'ff8000' },
  { value: 128, wire: '808100' },
  { value: 300, wire: 'ac828080808080808000' },
];
