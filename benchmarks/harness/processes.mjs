// Child processes that are told what to do by lines on stdin and answer by lines on stdout, in whatever language they are
// written. They end with their stdin, so that none outlives this process, whichever way it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** What a child has for an answer; a slice is far shorter. */
const ANSWER_TIMEOUT_MS = 120_000;
/** What a child has for ending by itself before it is killed. */
const END_TIMEOUT_MS = 2_000;

const running = new Set();

process.once('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}

function killAll() {
  for (const child of running) child.kill('SIGKILL');
}

/** A child process and what it says, a line at a time. What it writes to stderr is shown. */
export class LineProcess {
  #name;
  #child;
  /** Said, but not waited for yet. */
  #lines = [];
  #waiters = [];
  /** Why no more lines come. */
  #ended;

  /** `command` is the program and its arguments. */
  constructor(name, command) {
    this.#name = name;
    const [program, ...rest] = command;
    this.#child = spawn(program, rest, {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    running.add(this.#child);
    // Of a child that is gone they hear who wait for its answer.
    this.#child.stdin.on('error', () => {});
    this.#child.once('error', (error) => this.#end(`could not be started: ${error.message}`));
    this.#child.once('close', (code, signal) => this.#end(`ended with ${signal ?? `code ${code}`}`));
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#said(line.split(' ')));
  }

  get pid() {
    return this.#child.pid;
  }

  tell(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Waits for a line that begins with `word`, and answers the words behind it. Other lines are kept for others. */
  hear(word) {
    const at = this.#lines.findIndex(([first]) => first === word);
    if (at !== -1) return Promise.resolve(this.#lines.splice(at, 1)[0].slice(1));
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${this.#name} ${why}`));
      if (this.#ended !== undefined) return fail(this.#ended);
      const timer = setTimeout(
        () => fail(`did not say '${word}' within ${ANSWER_TIMEOUT_MS} ms`),
        ANSWER_TIMEOUT_MS,
      );
      this.#waiters.push({ word, resolve, fail, timer });
    });
  }

  ask(line, word) {
    this.tell(line);
    return this.hear(word);
  }

  /** Ends the child; it is gone when this resolves. */
  async close() {
    if (!running.has(this.#child)) return;
    const gone = once(this.#child, 'close');
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_TIMEOUT_MS);
    await gone;
    clearTimeout(timer);
  }

  #said([word, ...words]) {
    const at = this.#waiters.findIndex((waiter) => waiter.word === word);
    if (at === -1) {
      this.#lines.push([word, ...words]);
      return;
    }
    const [{ resolve, timer }] = this.#waiters.splice(at, 1);
    clearTimeout(timer);
    resolve(words);
  }

  #end(how) {
    running.delete(this.#child);
    this.#ended ??= how;
    for (const { fail, timer } of this.#waiters.splice(0)) {
      clearTimeout(timer);
      fail(this.#ended);
    }
  }
}
