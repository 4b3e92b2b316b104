import type { ProcessFigures } from './process-figures.js';
import type { WireAlteration } from './names.js';

/** What became of one honest client. */
export interface HonestClient {
  /** Whether it got what it asked for; or, where an honest client never gets anything, stayed connected. */
  readonly isServed: boolean;
  /** From the question to the reply, or as long as it waited. */
  readonly ms: number;
  /** What it saw. */
  readonly saw: 'a reply' | 'silence' | 'an end' | 'a reset' | 'no connection';
}

/** What became of the questions of an honest client that was connected before. */
export interface HonestService {
  /** How many questions it asked. */
  readonly asked: number;
  /** How many were replied to. */
  readonly served: number;
  /** Half of the replies took no longer, in milliseconds. */
  readonly medianMs: number;
  /** The longest, in milliseconds. */
  readonly worstMs: number;
}

/** What the server did to the connection of a peer with something wrong. */
export interface ServersPart {
  /** How it ended: refused, closed in order or reset by the server, left by the peer itself, or not while the peer stayed. */
  readonly ending: 'refused' | 'closed' | 'reset' | 'left' | 'open';
  /** When that was, from the first byte with something wrong. */
  readonly afterMs: number;
  /** Bytes with something wrong that were to be sent. */
  readonly sentBytes: number;
  /** How many of them the system took: those that the server read, and those in the buffers of the systems. */
  readonly takenBytes: number;
  /** How many of them were in the buffers of the systems at the end, where that is known: on this machine, and Linux. */
  readonly unreadBytes?: number;
  /** Bytes that the server sent. */
  readonly receivedBytes: number;
  /** Connections besides that one: how many were opened, and how many of them were open at the end. */
  readonly others: { readonly opened: number; readonly open: number };
}

/** What the process of the server took. */
export interface ProcessPart {
  /** When the peer came. */
  readonly before: ProcessFigures;
  /** The most while the peer stayed. */
  readonly peak: ProcessFigures;
  /** When it had left. */
  readonly after: ProcessFigures;
  /** Computing while the peer stayed: 100 is one core all the time. */
  readonly cpuPercent: number;
}

/** What became of a server that one peer with something wrong was set against. */
export type Verdict =
  'held' | 'grew' | 'slowed honest clients' | 'shut honest clients out' | 'did not recover' | 'is gone';

/** What one peer with something wrong did, what the server did, and what became of honest clients. */
export interface AttackOutcome {
  /** The name of what is wrong with the peer. */
  readonly name: WireAlteration;
  /** What it did, as a sentence of which it is the subject. */
  readonly sentence: string;
  /** What the server did to it. */
  readonly server: ServersPart;
  /** One that was connected before. */
  readonly resident: HonestService;
  /** One that came meanwhile. */
  readonly newcomer: HonestClient;
  /** One that came afterwards. */
  readonly after: HonestClient;
  /** How long it took from the end of the peer until that one was served; several tried, if need be, for ten seconds. */
  readonly recoveryMs: number;
  /** Where the process is known. */
  readonly process?: ProcessPart;
  /** What became of the server. */
  readonly verdict: Verdict;
  /** What a server does about it, where the verdict is not 'held'. */
  readonly remedy?: string;
}

/** What became of a server that all of them were set against. */
export interface AttackReport {
  /** The address of the server. */
  readonly server: string;
  /** The name of the framing. */
  readonly framing: string;
  /** What chance followed from. */
  readonly seed: number;
  /** An honest client before anybody else. */
  readonly before: HonestService & Pick<HonestClient, 'saw'>;
  /** What the process of the server had before, where it is known. */
  readonly process?: ProcessFigures;
  /** One for each peer with something wrong, in the order in which they came. */
  readonly outcomes: readonly AttackOutcome[];
  /** How many of each verdict. */
  readonly total: Readonly<Partial<Record<Verdict, number>>>;
}
