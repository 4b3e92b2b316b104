/** A message of a sub-protocol, or a goodbye, on its way between the codec and the plugin: handlers never see one. */
export class Envelope {
  /** The number that both sides gave to the protocol on this connection. */
  readonly id: number;
  readonly message: unknown;

  constructor(id: number, message: unknown) {
    this.id = id;
    this.message = message;
  }
}

/** Messages of the codec that was there before, and the goodbye, which has no protocol. */
export const MAIN_ID = 0;
export const GOODBYE_ID = 1;
/** The first that a protocol gets. */
export const FIRST_ID = 2;
/** As many as one byte tells apart. */
export const MAX_PROTOCOLS = 256 - FIRST_ID;
