// The client for Node: gRPC over HTTP/2, TLS files, a copy on disk.
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type CommonOptions, duration, settle } from "../core/options.js";
import { BasePersonas } from "../core/personas.js";
import { authorize } from "../core/transport.js";
import { UsageError } from "../core/errors.js";
import { DiskCopy } from "./disk.js";
import { TLS_OPTIONS, type TlsOptions, tlsOptions } from "./tls.js";

/** Answers have at most 3 MiB, by the contract. */
const READ_MAX_BYTES = 8 * 1024 * 1024;
/** What may be on its way to a reader of a stream: snapshots come in large messages. */
const WINDOW_BYTES = 1024 * 1024;

/** Options of a client in Node. All times are in milliseconds. */
export interface PersonasOptions extends CommonOptions, TlsOptions {
  /** Where to keep a copy for a start without the registry. Default: nothing is kept. */
  snapshotPath?: string | undefined;
  /** Least time between two writings of that copy. Default: 1,000. */
  snapshotInterval?: number | undefined;
  /** After so long without a sign of the connection it is pinged. Default: 30,000. */
  keepaliveTime?: number | undefined;
  /** So long the answer may take. Default: 10,000. */
  keepaliveTimeout?: number | undefined;
}

const OTHERS: readonly (keyof PersonasOptions)[] = [
  "snapshotPath",
  "snapshotInterval",
  "keepaliveTime",
  "keepaliveTimeout",
  ...TLS_OPTIONS,
];

/**
 * Personas of one namespace, in memory and current. Nothing is connected before the first use. An open client keeps the
 * process running, as a connection does: `close` it, or say `await using`.
 */
export class Personas extends BasePersonas {
  /**
   * @param target `https://HOST:PORT`, or `http://HOST:PORT`; without a scheme `http`, without a port 50051.
   * @throws UsageError an option is wrong.
   */
  constructor(target: string, options: PersonasOptions = {}) {
    const settings = settle(target, options, OTHERS);
    const { url, secure } = settings.address;
    const { snapshotPath } = options;
    const interval = duration("snapshotInterval", options.snapshotInterval, 1000);
    if (snapshotPath === "") throw new UsageError("snapshotPath: write a path, or leave it out");
    const keepalive = {
      pingIntervalMs: duration("keepaliveTime", options.keepaliveTime, 30_000),
      pingTimeoutMs: duration("keepaliveTimeout", options.keepaliveTimeout, 10_000),
    };
    const session = tlsOptions(options, secure);
    session.settings = { initialWindowSize: WINDOW_BYTES };
    const sessionManager = new Http2SessionManager(url, keepalive, session);
    super(settings, {
      transport: createGrpcTransport({
        baseUrl: url,
        sessionManager,
        interceptors: [authorize(settings)],
        acceptCompression: [],
        readMaxBytes: READ_MAX_BYTES,
      }),
      dropConnection: () => {
        sessionManager.abort();
      },
      disk: snapshotPath === undefined ? undefined : new DiskCopy(snapshotPath, interval, settings),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
