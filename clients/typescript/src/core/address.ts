// Where a registry is. Scheme and port may be left out.
import { UsageError } from "./errors.js";

/** Port of a registry when none is given. */
const DEFAULT_PORT = 50051;

/** Address of a registry. */
export interface Address {
  /** Always with scheme, host and port: `http://127.0.0.1:50051`. */
  readonly url: string;
  /** Whether it is spoken to over TLS. */
  readonly secure: boolean;
  /** Whether it is this machine. */
  readonly loopback: boolean;
}

/** Reads an address, or says what one looks like. */
export function parseAddress(text: string): Address {
  const wrong = (): UsageError =>
    new UsageError(
      `target: ${JSON.stringify(text)} is not an address; write http://HOST:PORT, or https://HOST:PORT for TLS`,
    );
  const found = /^(?:(https?):\/\/)?(\[[0-9A-Fa-f:.]+\]|[^\s:/?#@[\]]+)(?::(\d{1,5}))?\/?$/.exec(text);
  if (!found) throw wrong();
  const [, scheme = "http", host = "", digits] = found;
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  const url = `${scheme}://${host}:${port}`;
  if (port < 1 || port > 65535 || !URL.canParse(url)) throw wrong();
  const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i.test(host);
  return { url, secure: scheme === "https", loopback };
}
