// The client for browsers: gRPC-Web over fetch. No files.
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { type CommonOptions, settle } from "../core/options.js";
import { BasePersonas } from "../core/personas.js";
import { authorize } from "../core/transport.js";

/** Options of a client in a page. All times are in milliseconds. */
export type PersonasOptions = CommonOptions;

/**
 * Personas of one namespace, in memory and current. Nothing is connected before the first use. The registry must allow
 * the page's origin: `persona serve --web-origin`.
 */
export class Personas extends BasePersonas {
  /**
   * @param target `https://HOST:PORT`, or `http://HOST:PORT`; without a scheme `http`, without a port 50051.
   * @throws UsageError an option is wrong.
   */
  constructor(target: string, options: PersonasOptions = {}) {
    const settings = settle(target, options, []);
    super(settings, {
      transport: createGrpcWebTransport({
        baseUrl: settings.address.url,
        useBinaryFormat: true,
        interceptors: [authorize(settings)],
      }),
      // The browser's connections are its own business.
      dropConnection: () => undefined,
    });
  }
}
