/** The code of the system that is at the bottom of an error, or the code of the error itself. */
export function codeOf(error: unknown): string {
  let code = 'none';
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code: its } = each as NodeJS.ErrnoException;
    if (its !== undefined) code = its;
  }
  return code;
}
