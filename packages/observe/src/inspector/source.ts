/** What a page is shown of one node, in parts that are sent when they change. */
export type Sections = Readonly<Record<string, unknown>>;

/** Which rows of the table a page wants. */
export interface TableQuery {
  readonly sort: string;
  readonly descending: boolean;
  /** Rows that contain it, in any column that is a string. */
  readonly filter: string;
  readonly offset: number;
  readonly limit: number;
}

/** What somebody asks for. */
export interface ActionRequest {
  readonly action: 'disconnect' | 'ban' | 'unban' | 'drain';
  /** The connection that is ended, or whose peer is banned. */
  readonly connection?: number;
  /** What is unbanned: an address, a block of addresses, or an identity. */
  readonly target?: string;
  /** Whether the identity of the peer is banned, and not its address. */
  readonly identity?: boolean;
  /** How long a ban lasts. */
  readonly durationMs?: number;
}

/** What came of it, for people. */
export interface ActionResult {
  readonly done: boolean;
  readonly text: string;
}

/** A node that pages look at: of this process, or of another one. */
export interface Source {
  /** Unique among the sources of a server. */
  readonly key: string;
  /** Tells `show` what there is, and then what has changed, until the function that it returns is called. */
  watch(show: (sections: Sections) => void): () => void;
  /** Tells `show` what passes, until the function that it returns is called. */
  tail(connection: number | undefined, show: (frames: unknown) => void): () => void;
  /** A part of the table. */
  table(query: TableQuery): Promise<unknown>;
  /** All that is known of a connection; null where there is none. */
  connection(id: number): Promise<unknown>;
  act(request: ActionRequest): Promise<ActionResult>;
}
