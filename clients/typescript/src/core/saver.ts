// When the copy is written to disk: after changes, one writing at a time, not too often, and at the end.
import type { Disk, Saved } from "./copy.js";
import { quietTimer } from "./wait.js";

/** How long the end waits for the last writing, in milliseconds. */
const LAST_WRITE_MS = 1000;

export class Saver {
  readonly #disk: Disk;
  readonly #take: () => Saved | undefined;
  /** What is being done, or waits to be: nothing, a writing, or the pause after it. */
  #busy: Promise<void> | undefined;
  #isDue = false;
  #closed = false;

  constructor(disk: Disk, take: () => Saved | undefined) {
    this.#disk = disk;
    this.#take = take;
  }

  /** There is something to be written. */
  changed(): void {
    this.#isDue = true;
    this.#go();
  }

  /** Writes what is there for the last time; at most a second is waited for it. */
  async close(): Promise<void> {
    this.#closed = true;
    const saved = this.#take();
    const last = async (): Promise<void> => {
      await this.#busy;
      if (saved) await this.#disk.write(saved);
    };
    await Promise.race([last(), new Promise<void>((resolve) => quietTimer(resolve, LAST_WRITE_MS))]);
  }

  #go(): void {
    if (this.#busy || !this.#isDue || this.#closed) return;
    this.#isDue = false;
    const saved = this.#take();
    if (!saved) return;
    this.#busy = this.#disk.write(saved).then(() => {
      quietTimer(() => {
        this.#busy = undefined;
        this.#go();
      }, this.#disk.interval);
    });
  }
}
