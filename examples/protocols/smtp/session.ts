import { OnConnect, OnMessage, Session, SessionConnection } from '@pea2pea/decorators';
import { tlsHandshake, type TlsContext } from '@pea2pea/tls';
import { MAX_SIZE, readContent, smtp, type Command, type Of } from './codec.js';

const MAX_RECIPIENTS = 100;
/** 4.5.3.2.5 and 6: clients give up after so long. */
const DATA_TIMEOUT_MS = 10 * 60_000;

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly encrypted: boolean;
  readonly content: Buffer;
}

/** What all sessions share. */
export abstract class MailRoom {
  abstract readonly tls: TlsContext;
  /** Whether mail for this address is taken. */
  abstract knows(address: string): boolean;
  /** Resolves when the mail will not be lost: only then it is acknowledged, 4.2.5. */
  abstract deliver(mail: Mail): Promise<void>;
}

/** RFC 5321, with STARTTLS (RFC 3207), SIZE (1870), PIPELINING (2920) and 8BITMIME (6152). */
@Session()
export class Dialogue {
  #greeted = false;
  #encrypted = false;
  #from: string | undefined;
  #to: string[] = [];

  constructor(
    private readonly client: SessionConnection<Command, string>,
    private readonly room: MailRoom,
  ) {}

  @OnConnect()
  begin(): void {
    this.#say('220 mail.example.test ESMTP');
  }

  @OnMessage(smtp, 'EHLO')
  ehlo({ rest }: Of<'EHLO'>): void {
    if (rest === '') return this.#say('501 who are you?');
    this.#greeted = true;
    this.#reset();
    const extensions = [
      'PIPELINING',
      '8BITMIME',
      `SIZE ${MAX_SIZE}`,
      ...(this.#encrypted ? [] : ['STARTTLS']),
    ];
    for (const extension of ['mail.example.test', ...extensions.slice(0, -1)]) this.#say(`250-${extension}`);
    this.#say(`250 ${extensions.at(-1)!}`);
  }

  @OnMessage(smtp, 'HELO')
  helo({ rest }: Of<'HELO'>): void {
    this.#greeted = rest !== '';
    this.#reset();
    this.#say(this.#greeted ? '250 mail.example.test' : '501 who are you?');
  }

  /** Nothing that was said before counts afterwards, and nothing that came with it in the clear either: RFC 3207, 4.2 and 6. */
  @OnMessage(smtp, 'STARTTLS')
  async startTls(): Promise<void> {
    if (this.#encrypted) return this.#say('503 it is encrypted');
    this.#say('220 go ahead');
    await this.client.renegotiate((handshake) => tlsHandshake(handshake, this.room.tls));
    this.#encrypted = true;
    this.#greeted = false;
    this.#reset();
  }

  @OnMessage(smtp, 'MAIL')
  mail({ rest }: Of<'MAIL'>): void {
    const [, address, parameters = ''] = /^FROM:\s*<([^<>\s]*)>(.*)$/i.exec(rest) ?? [];
    const size = Number(/\bSIZE=(\d+)/i.exec(parameters)?.[1] ?? 0);
    if (!this.#greeted || this.#from !== undefined) this.#say('503 first EHLO, then one MAIL');
    else if (address === undefined) this.#say('501 MAIL FROM:<address>');
    else if (size > MAX_SIZE) this.#say('552 too large');
    else {
      this.#from = address;
      this.#say('250 ok');
    }
  }

  @OnMessage(smtp, 'RCPT')
  recipient({ rest }: Of<'RCPT'>): void {
    const [, address] = /^TO:\s*<([^<>\s]+)>/i.exec(rest) ?? [];
    if (this.#from === undefined) this.#say('503 first MAIL');
    else if (address === undefined) this.#say('501 RCPT TO:<address>');
    else if (!this.room.knows(address)) this.#say('550 no such mailbox');
    else if (this.#to.length === MAX_RECIPIENTS) this.#say('452 too many recipients');
    else {
      this.#to.push(address);
      this.#say('250 ok');
    }
  }

  /** What follows is no command until the line with the dot, which may be in the same packet: it is read as a handshake. */
  @OnMessage(smtp, 'DATA')
  async data(): Promise<void> {
    if (this.#from === undefined || this.#to.length === 0) return this.#say('503 first MAIL and RCPT');
    this.#say('354 end with a line that is a dot');
    const content = await this.client.renegotiate(readContent, { timeoutMs: DATA_TIMEOUT_MS });
    if (content === undefined) this.#say('552 too large');
    else {
      await this.room.deliver({ from: this.#from, to: this.#to, encrypted: this.#encrypted, content });
      this.#say('250 delivered');
    }
    this.#reset();
  }

  @OnMessage(smtp, 'RSET')
  rset(): void {
    this.#reset();
    this.#say('250 ok');
  }

  @OnMessage(smtp, 'NOOP')
  noop(): void {
    this.#say('250 ok');
  }

  @OnMessage(smtp, 'VRFY')
  vrfy(): void {
    this.#say('252 send it, and see');
  }

  @OnMessage(smtp, 'QUIT')
  quit(): void {
    this.#say('221 bye');
    void this.client.disconnect('QUIT');
  }

  @OnMessage(smtp, 'unknown')
  unknown(): void {
    this.#say('500 no such command');
  }

  #say(line: string): void {
    if (!this.client.trySend(line)) void this.client.disconnect('does not read');
  }

  #reset(): void {
    this.#from = undefined;
    this.#to = [];
  }
}
