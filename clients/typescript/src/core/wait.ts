// Timers and signals.

/** A timer that does not keep a process of Node alive. Browsers have nothing of the kind and need nothing. */
export function quietTimer(run: () => void, ms: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(run, ms);
  const { unref } = timer as { unref?: () => void };
  unref?.call(timer);
  return timer;
}

/** Barks once it was not fed for so long. */
export class Watchdog {
  readonly #bark: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  barked = false;

  constructor(bark: () => void) {
    this.#bark = bark;
  }

  feed(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = quietTimer(() => {
      this.barked = true;
      this.#bark();
    }, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Waits, or until the signal is raised; both are fine. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}

/** What comes first: the promise, or the signal, whose reason is thrown. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the reason is what it is
      reject(signal.reason);
    };
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", stop);
    });
  });
}
