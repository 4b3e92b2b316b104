/**
 * Two nodes behind firewalls that let nobody in get one connection with each other, by TCP simultaneous open: both learn
 * from a rendezvous where they are seen, and dial each other at the same time, from the very ports that they are seen at.
 * Nobody listens but the rendezvous.
 *
 *   npm run example hole-punching
 *   npm run example hole-punching -- --loopback
 *
 * Each of the two has a network namespace with a firewall of its own where the system allows it; elsewhere, or when told
 * so, all happens on loopback. Port-preserving NATs are passed like these firewalls; those that give every destination
 * another port are not, and need a relay.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createPeer } from '@pea2pea/decorators';
import {
  becomeInternet,
  connectToInternet,
  namespaceFlags,
  RENDEZVOUS_HOST,
  runInside,
} from './namespaces.js';
import { PeerProcess } from './peer-process.js';
import { Rendezvous } from './rendezvous.js';

function readOptions(): { loopback: boolean; inside: boolean } {
  try {
    const { values } = parseArgs({ options: { loopback: { type: 'boolean' }, inside: { type: 'boolean' } } });
    return { loopback: values.loopback === true, inside: values.inside === true };
  } catch (error) {
    console.error(`${(error as Error).message}\nusage: hole-punching [--loopback]`);
    process.exit(2);
  }
}

const { loopback, inside } = readOptions();
if (inside) {
  await meet();
} else {
  const made = loopback ? { why: 'as told' } : namespaceFlags();
  if ('why' in made) await meet(made.why);
  else process.exitCode = await runInside(made.flags, fileURLToPath(import.meta.url));
}

/** @param why they meet on loopback; not given, this process is in a network namespace of its own */
async function meet(why?: string): Promise<void> {
  const namespaced = why === undefined;
  if (namespaced) becomeInternet();
  const host = (namespacedHost: string): string => (namespaced ? namespacedHost : '127.0.0.1');
  const alice = new PeerProcess('alice', host('203.0.113.2'), namespaced);
  const bob = new PeerProcess('bob', host('203.0.113.3'), namespaced);
  const both = [alice, bob] as const;
  const kill = (): void => both.forEach((each) => void each.process.kill('SIGKILL'));
  const stop = (): void => {
    kill();
    process.exit(130);
  };
  // The last one: who started this process inside a namespace is gone.
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.on(event, stop);

  try {
    await using rendezvous = await createPeer(Rendezvous, {
      listen: { host: host(RENDEZVOUS_HOST), port: 0 },
    });
    await Promise.all(both.map((each) => each.report('started')));
    if (namespaced) {
      connectToInternet('alice', alice.process);
      connectToInternet('bob', bob.process);
    }
    for (const each of both) each.tell({ order: 'plugged', rendezvous: rendezvous.address!.toString() });
    const { firewall } = await alice.report('plugged');
    await bob.report('plugged');
    say('place', namespaced ? `two network namespaces, firewall: ${firewall}` : `loopback, ${why}`);

    const { answer } = await alice.report('alone');
    for (const { name, address } of rendezvous.peer.seen) say('rendezvous', `sees ${name} at ${address}`);
    say('alice', `dials bob, who does not dial: ${answer}`);
    say('both', 'dial each other at the same time');
    const opened = await Promise.all(both.map((each) => each.report('open')));
    for (const [index, { direction, attempts, accepted }] of opened.entries()) {
      const connection = `one connection, ${direction}, attempts: ${attempts}, accepted by a listener: ${accepted}`;
      say(index === 0 ? 'alice' : 'bob', `has ${connection}`);
    }
    say('roles', `by the numbers drawn: alice is ${opened[0]!.role}, bob is ${opened[1]!.role}`);
    say('alice', `hears: ${(await alice.report('heard')).text}`);
    say('bob', `hears: ${(await bob.report('heard')).text}`);

    for (const each of both) each.tell({ order: 'leave' });
    const codes = await Promise.all(both.map((each) => each.ended()));
    await rendezvous.close();
    if (codes.some((code) => code !== 0)) throw new Error(`the peers ended with ${codes.join(' and ')}`);
    say('all', 'closed');
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  } finally {
    kill();
    process.off('disconnect', stop);
    if (process.connected) process.disconnect();
  }
}

function say(who: string, what: string): void {
  console.log(`${who.padEnd(12)}${what}`);
}
