// pea2pea 0.57, the original in Rust, as a contestant: built once by cargo, where cargo exists.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../rust/', import.meta.url));
/** `dist`, as that is what nobody formats, checks or commits. */
const program = `${folder}dist/release/pea2pea-benchmark`;
const sources = ['Cargo.toml', 'src/main.rs', 'src/latency.rs'].map((file) => `${folder}${file}`);

const BUILD_TIMEOUT_MS = 10 * 60_000;

/** Answers the contestant, or `{ name, skipped }` with the reason; `note` is told when it has to be built. */
export function rustOriginal(note) {
  const name = 'pea2pea 0.57 (Rust)';
  const why = isBuilt() ? undefined : build(note);
  return why === undefined ? { name, command: [program] } : { name, skipped: why };
}

function isBuilt() {
  return existsSync(program) && sources.every((file) => statSync(file).mtimeMs < statSync(program).mtimeMs);
}

/** Answers why it cannot be built, or nothing. */
function build(note) {
  if (spawnSync('cargo', ['--version']).status !== 0) return 'there is no cargo on this machine';
  note('building the original in Rust, once: a minute or so');
  const { status, stderr } = spawnSync('cargo', ['build', '--release', '--quiet', '--target-dir', 'dist'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
  });
  return status === 0 ? undefined : `cargo could not build it: ${stderr.trim().split('\n')[0]}`;
}
