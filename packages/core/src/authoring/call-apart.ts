/** As events of an AbortSignal do: one that throws keeps no other from being called, and is an uncaught exception. */
export function callApart(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
