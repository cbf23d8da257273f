// Secure connections: files are looked at when the client is made, and read anew for each connection.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { SecureClientSessionOptions } from "node:http2";
import { UsageError } from "../core/errors.js";

/** PEM files, and the name that the registry's certificate must be for. */
export interface TlsOptions {
  /** Authorities to believe. Default: those of Node (`--use-system-ca` and `NODE_EXTRA_CA_CERTS` change them). */
  caCert?: string | undefined;
  /** One's own certificate, together with `clientKey`. */
  clientCert?: string | undefined;
  clientKey?: string | undefined;
  /** Default: the target's host. */
  serverName?: string | undefined;
}

export const TLS_OPTIONS: readonly (keyof TlsOptions)[] = ["caCert", "clientCert", "clientKey", "serverName"];

/** Options for `http2.connect`. */
export function tlsOptions(options: TlsOptions, isSecure: boolean): SecureClientSessionOptions {
  const { caCert, clientCert, clientKey, serverName } = options;
  const given = Object.entries({ caCert, clientCert, clientKey, serverName }).filter(
    ([, value]) => value !== undefined,
  );
  if (!isSecure && given[0]) throw new UsageError(`${given[0][0]}: the target is not https://`);
  if ((clientCert === undefined) !== (clientKey === undefined)) {
    throw new UsageError("clientCert, clientKey: one does not go without the other");
  }
  if (!isSecure) return {};
  const read = (): SecureContextOptions => ({
    ...(caCert !== undefined && { ca: pem("caCert", caCert) }),
    ...(clientCert !== undefined && { cert: pem("clientCert", clientCert) }),
    ...(clientKey !== undefined && { key: pem("clientKey", clientKey) }),
  });
  let good = checked(read());
  // Certificates are renewed under a running client. While their files do not fit together, the last ones are used.
  const current = (): SecureContextOptions => {
    try {
      good = checked(read());
    } catch {
      // The registry will say what it thinks of the last ones.
    }
    return good;
  };
  return {
    ...(serverName !== undefined && { servername: serverName }),
    get secureContext() {
      return createSecureContext(current());
    },
  };
}

function checked(files: SecureContextOptions): SecureContextOptions {
  try {
    // An authority that is none would be passed over in silence.
    if (files.ca !== undefined) new X509Certificate(files.ca as Buffer);
    createSecureContext(files);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new UsageError(`caCert, clientCert, clientKey: they are not PEM files that fit together: ${why}`);
  }
  return files;
}

function pem(option: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (thrown) {
    throw new UsageError(`${option}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}
