import { json, lines } from '@pea2pea/codecs';
import { method } from '@pea2pea/rpc';
import { z } from 'zod';

/** What a station tells the others several times a second. */
export const Reading = z.object({ station: z.string(), celsius: z.number() });

export type Reading = z.output<typeof Reading>;

/** What a station replies with when another asks for what it has heard. */
export const average = method<{ readonly seconds: number }, number>('average');

export const codec = json(lines({ maxLength: 1_000 }));

/** What a process tells the one that started it. */
export interface Started {
  readonly name: string;
  /** Where it listens for peers. */
  readonly peers: string;
  /** The address of its inspector, with the token. */
  readonly inspector: string;
  /** Where it serves `/metrics`, `/livez` and `/readyz`. */
  readonly http: string;
}
