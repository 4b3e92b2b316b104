import { SocketAddress, type AddressLike } from '@pea2pea/core';
import { ALTERATIONS } from '../altered/alter.js';
import { Assault } from './assault.js';
import { Door } from './door.js';
import { HonestClients } from './honest.js';
import type { WireAlteration } from './names.js';
import { settingsOf, type AttackOptions, type Settings } from './options.js';
import type { AttackOutcome, AttackReport, HonestClient, ProcessPart } from './outcome.js';
import { most, processFigures, type ProcessFigures } from './process-figures.js';
import { judge } from './verdict.js';

const QUESTIONS_BEFORE = 10;
const LOOKING_MS = 50;
/** What a server has to come to itself, before an honest client looks whether it did. */
const RECOVERY_MS = 100;
/** How long honest clients try, until it is said not to have recovered. */
const MOST_RECOVERY_MS = 10_000;

/**
 * Sets peers with something wrong against a server that is yours, one after the other, and looks at what it does, and at
 * what becomes of honest clients: one that was connected before, one that comes meanwhile, one that comes afterwards.
 *
 * note: a peer sends no more than 16 MiB over a connection, and opens no more than twenty besides its own at once.
 * @throws {Error} where an honest client is not let in before.
 */
export async function attack(at: AddressLike, options: AttackOptions): Promise<AttackReport> {
  const settings = settingsOf(options);
  const address = SocketAddress.from(at);
  const door = new Door(address, settings);
  const honest = new HonestClients(door, settings);
  const figures = settings.pid === undefined ? undefined : processFigures(settings.pid);
  const outcomes: AttackOutcome[] = [];
  try {
    const before = await honest.begin(QUESTIONS_BEFORE);
    settings.onBefore({ before, ...(figures && { process: figures }) });
    if (before.served > 0) {
      for (const name of settings.only) {
        const seen = await attackOnce(name, door, honest, settings);
        const isThere = settings.pid === undefined || processFigures(settings.pid) !== undefined;
        const outcome = { ...seen, ...judge(seen, before, isThere) };
        outcomes.push(outcome);
        settings.onOutcome(outcome);
        if (settings.isOver(outcome)) break;
      }
    }
    return {
      server: String(address),
      framing: settings.framing.name,
      seed: settings.seed,
      before,
      ...(figures && { process: figures }),
      outcomes,
      total: totalOf(outcomes),
    };
  } finally {
    honest.end();
  }
}

async function attackOnce(
  name: WireAlteration,
  door: Door,
  honest: HonestClients,
  settings: Settings,
): Promise<Omit<AttackOutcome, 'verdict' | 'remedy'>> {
  const { clock, lastingMs, pid } = settings;
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimeout(resolve, ms));
  await honest.renew();
  const watch = pid === undefined ? undefined : new ProcessWatch(pid, settings);
  const assault = new Assault(name, door, settings);
  const startMs = clock.now();
  await assault.begin();
  const asking = honest.ask(() => clock.now() - startMs >= lastingMs);
  await sleep(lastingMs / 2);
  const newcomer = await honest.newcomer();
  await sleep(Math.max(0, startMs + lastingMs - clock.now()));
  const resident = await asking;
  const server = assault.end();
  const overMs = clock.now();
  let after: HonestClient;
  do {
    await sleep(RECOVERY_MS);
    after = await honest.newcomer();
  } while (!after.isServed && clock.now() - overMs < MOST_RECOVERY_MS);
  const recoveryMs = clock.now() - overMs;
  const process = watch?.end();
  const sentence = ALTERATIONS[name];
  return { name, sentence, server, resident, newcomer, after, recoveryMs, ...(process && { process }) };
}

/** Looks at a process, again and again. */
class ProcessWatch {
  readonly #pid: number;
  readonly #settings: Settings;
  readonly #startMs: number;
  readonly #before: ProcessFigures | undefined;
  #peak: ProcessFigures | undefined;
  #isOver = false;

  constructor(pid: number, settings: Settings) {
    this.#pid = pid;
    this.#settings = settings;
    this.#startMs = settings.clock.now();
    this.#peak = this.#before = processFigures(pid);
    this.#look();
  }

  end(): ProcessPart | undefined {
    this.#isOver = true;
    const after = processFigures(this.#pid);
    if (this.#before === undefined || this.#peak === undefined || after === undefined) return undefined;
    const ms = Math.max(1, this.#settings.clock.now() - this.#startMs);
    const cpuPercent = Math.round((100 * (after.cpuMs - this.#before.cpuMs)) / ms);
    return { before: this.#before, peak: most(this.#peak, after), after, cpuPercent };
  }

  #look(): void {
    if (this.#isOver) return;
    const now = processFigures(this.#pid);
    if (now !== undefined && this.#peak !== undefined) this.#peak = most(this.#peak, now);
    this.#settings.clock.setTimeout(() => this.#look(), LOOKING_MS, { keepsAlive: false });
  }
}

function totalOf(outcomes: readonly AttackOutcome[]): AttackReport['total'] {
  const total: Partial<Record<AttackOutcome['verdict'], number>> = {};
  for (const { verdict } of outcomes) total[verdict] = (total[verdict] ?? 0) + 1;
  return total;
}
