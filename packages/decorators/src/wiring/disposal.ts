/**
 * Disposes of `instance`: its `@preDestroy` methods, then `[Symbol.asyncDispose]`, else `[Symbol.dispose]`, each once.
 * @throws what they throw
 */
export async function disposeOf(
  instance: unknown,
  preDestroy: Iterable<string | symbol> = [],
): Promise<void> {
  const subject = instance as Record<string | symbol, unknown>;
  if (typeof instance !== 'object' || instance === null) return;
  const names = new Set<string | symbol>(preDestroy);
  const standard = [Symbol.asyncDispose, Symbol.dispose].find((name) => typeof subject[name] === 'function');
  if (standard !== undefined) names.add(standard);
  for (const name of names) await (subject as Record<string | symbol, () => unknown>)[name]!();
}
