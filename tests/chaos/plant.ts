/** A bug that is planted in the kernel, to see whether chaos finds it. */
export interface Plant {
  readonly name: string;
  /** What the kernel does wrong with it. */
  readonly sentence: string;
  /** Where, in `packages/core/src`. */
  readonly file: string;
  /** What the source says there, once. */
  readonly from: string;
  /** What it says with the bug. */
  readonly to: string;
}

/** A {@link Plant}, in a row. */
export function plant(name: string, sentence: string, file: string, from: string, to: string): Plant {
  return { name, sentence, file, from, to };
}
