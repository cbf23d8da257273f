// The real registry for tests, and a wire to it that can be cut.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../..");

/** The program under test. */
export const binary = process.env.PERSONA_BIN ?? path.join(top, "target/debug/persona");

/** Why tests that need it are left out, if they are. */
export function isMissing(): string | false {
  return existsSync(binary) ? false : `there is no registry at ${binary}; build it, or set PERSONA_BIN`;
}

/** What is to be done when the process ends, whatever ended it. */
const leftovers: (() => void)[] = [];
process.on("exit", () => {
  for (const clear of leftovers.reverse()) clear();
});

/** A folder that is gone after the process. */
export function scratch(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "persona-client-"));
  leftovers.push(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Without settings of the program: it takes every `PERSONA_…` for one. */
const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("PERSONA_")));

/** Runs a command of the program to its end. */
export function command(...args: string[]): string {
  return execFileSync(binary, args, { encoding: "utf8", env, stdio: ["ignore", "pipe", "ignore"] });
}

export class Registry {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(
    process: ChildProcess,
    ended: Promise<unknown>,
    readonly port: number,
  ) {
    this.#process = process;
    this.#ended = ended;
  }

  /** Starts one on a port of its own, or on the one that it had before. */
  static async start(folder: string, port = 0, ...more: string[]): Promise<Registry> {
    const place = ["--listen", `127.0.0.1:${port}`, "--data-dir", folder];
    const child = spawn(binary, ["serve", ...place, ...more], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env,
    });
    leftovers.push(() => child.kill("SIGKILL"));
    const ended = new Promise((resolve) => child.once("exit", resolve));
    let said = "";
    const listening = new Promise<number>((resolve, reject) => {
      const take = (part: Buffer): void => {
        said += String(part);
        const found = /listening on .*?127\.0\.0\.1:(\d+)/.exec(said);
        if (found) resolve(Number(found[1]));
      };
      child.stdout.on("data", take);
      child.stderr.on("data", take);
      void ended.then(() => {
        reject(new Error(`the registry ended:\n${said}`));
      });
    });
    return new Registry(child, ended, await listening);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Kills it as a crash does. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** Stops it in order. */
  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#ended;
  }
}

/** A wire between a client and a registry. */
export class Wire {
  /** While this is so nothing passes, and nobody is told. */
  isStalled = false;
  /** While this is so what the registry answers is swallowed, and the connection cut at it. */
  cutsAnswers = 0;
  connections = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(port: number) {
    this.#server = createServer((client) => {
      this.connections += 1;
      const registry = connect(port, "127.0.0.1");
      for (const socket of [client, registry]) {
        this.#sockets.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          client.destroy();
          registry.destroy();
          this.#sockets.delete(socket);
        });
      }
      client.on("data", (part) => {
        if (!this.isStalled) registry.write(part);
      });
      registry.on("data", (part) => {
        if (this.isStalled) return;
        // The first frames of a connection are its settings; headers of an answer come later.
        if (this.cutsAnswers > 0 && registry.bytesRead > part.length) {
          this.cutsAnswers -= 1;
          client.destroy();
        } else {
          client.write(part);
        }
      });
    });
  }

  static async to(port: number): Promise<Wire> {
    const wire = new Wire(port);
    await new Promise<void>((resolve) => wire.#server.listen(0, "127.0.0.1", resolve));
    return wire;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the wire is down");
    return `http://127.0.0.1:${address.port}`;
  }

  /** How many connections of clients stand. */
  get open(): number {
    return this.#sockets.size / 2;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }
}

/** Waits until it is so. */
export async function until(what: string, look: () => unknown): Promise<void> {
  const end = performance.now() + 20_000;
  while (!look()) {
    if (performance.now() > end) throw new Error(`in vain: ${what}`);
    await sleep(5);
  }
}

/** A document that can be stored. */
export function document(name: string, text: string): string {
  return `---\nname: ${name}\ndescription: Use in tests.\n---\n# ${name}\n\n${text}\n`;
}
