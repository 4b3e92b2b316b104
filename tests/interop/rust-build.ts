import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('rust/', import.meta.url));
/** `dist`, as that is what nobody formats, checks or commits. */
const target = 'dist';

/** Every crate has to be downloaded and compiled: a minute, on a busy machine several. */
const TIMEOUT_MS = 10 * 60_000;

/** The program, or why there is none. */
export type RustBuild =
  | { readonly program: string; readonly skipped?: undefined }
  | { readonly program?: undefined; readonly skipped: string };

/**
 * Builds the program in `rust/`, once: later calls take a moment.
 *
 * note: a machine without cargo, with one that is too old, or without a way to the crates has no program. A program that
 * does not compile is a defect.
 * @throws what the compiler said
 */
export function buildRust(): RustBuild {
  if (cargo('--version').status !== 0) return { skipped: 'there is no cargo on this machine' };
  if (!compile().succeeded) {
    const fetched = cargo('fetch', ...hostTarget());
    if (fetched.status !== 0)
      return { skipped: `cargo cannot have the crates: ${firstLine(fetched.stderr)}` };
    const { succeeded, errors } = compile();
    if (!succeeded) throw new Error(`the original's end does not compile:\n${errors}`);
  }
  return { program: `${folder}${target}/debug/pea2pea-interop` };
}

/** Never downloads, so that what fails behind a fetch is the program's fault. */
function compile(): { succeeded: boolean; errors: string } {
  const { status, stderr } = cargo('build', '--offline', '--quiet', '--target-dir', target);
  return { succeeded: status === 0, errors: stderr };
}

/** Crates for other systems are not needed. */
function hostTarget(): string[] {
  const { stdout } = spawnSync('rustc', ['-vV'], { encoding: 'utf8' });
  const [, host] = /^host: (.+)$/m.exec(stdout ?? '') ?? [];
  return host === undefined ? [] : ['--target', host];
}

function cargo(...args: string[]) {
  return spawnSync('cargo', args, { cwd: folder, encoding: 'utf8', timeout: TIMEOUT_MS });
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
