/** Randomness, as the kernel sees it: not for secrets, and replaceable by a seeded source. */
export interface Random {
  /** A number from 0 (included) to 1 (excluded), evenly spread. */
  next(): number;
}
