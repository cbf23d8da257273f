import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../src/core/address.js";
import { Personas, type PersonasOptions, UsageError } from "../src/index.js";

test("scheme and port may be left out", () => {
  for (const [text, url] of [
    ["http://127.0.0.1:50051", "http://127.0.0.1:50051"],
    ["http://127.0.0.1:50051/", "http://127.0.0.1:50051"],
    ["localhost:7000", "http://localhost:7000"],
    ["registry.example", "http://registry.example:50051"],
    ["[::1]:7000", "http://[::1]:7000"],
    ["[::1]", "http://[::1]:50051"],
    ["https://registry.example", "https://registry.example:50051"],
    ["https://[::1]:443/", "https://[::1]:443"],
  ] as const) {
    assert.equal(parseAddress(text).url, url, text);
  }
});

test("what is no address is refused", () => {
  for (const text of ["", "http://", "ftp://a:1", "http://a:1/v1", "a:", "a:b", "a:99999", "a:0", "a b", "u@a:1"]) {
    assert.throws(() => parseAddress(text), UsageError, text);
  }
});

test("a wrong option is refused in words", () => {
  const many = Array.from({ length: 1001 }, (_, n) => `p${n}`);
  const wrong: [string, PersonasOptions, RegExp][] = [
    ["http://localhost", { namespace: "-" }, /^namespace: .* one namespace/],
    ["http://localhost", { namespace: "No Such" }, /^namespace: /],
    ["http://localhost", { alias: "a".repeat(65) }, /^alias: /],
    ["http://localhost", { names: many }, /^names: 1001 /],
    ["http://localhost", { names: ["a", "a"] }, /^names: .*twice/],
    ["http://localhost", { retries: 1.5 }, /^retries: /],
    ["http://localhost", { callTimeout: 0 }, /^callTimeout: /],
    ["http://localhost", { firstSyncTimeout: Number.NaN }, /^firstSyncTimeout: /],
    ["http://localhost", { progressInterval: 999 }, /^progressInterval: .* 1000 to 60000/],
    ["http://localhost", { backoffFirst: 100, backoffMost: 50 }, /^backoffMost: /],
    ["http://localhost", { token: "a b" }, /^token: /],
    ["http://localhost", { caCert: "/nowhere" }, /^caCert: .*https/],
    ["https://localhost", { caCert: "/nowhere" }, /^caCert: .*ENOENT/],
    ["https://localhost", { caCert: import.meta.filename }, /PEM/],
    ["https://localhost", { clientCert: "/nowhere" }, /^clientCert, clientKey: /],
    ["http://localhost", { snapshotPath: "" }, /^snapshotPath: /],
    ["http://localhost", { nameSpace: "x" } as PersonasOptions, /^nameSpace: there is no such option/],
    ["http://registry.example", { token: "t" }, /^token: .*plain HTTP/],
    ["http://registry.example", { token: () => "t" }, /^token: .*plain HTTP/],
    ["http://127.0.0.1.example", { token: "t" }, /^token: .*plain HTTP/],
  ];
  for (const [target, options, message] of wrong) {
    const make = (): Personas => new Personas(target, options);
    assert.throws(
      make,
      (thrown: unknown) => thrown instanceof UsageError && message.test(thrown.message),
      message.source,
    );
  }
  for (const target of ["http://127.0.0.1:1", "http://[::1]:1", "localhost:1", "https://registry.example"]) {
    assert.equal(new Personas(target, { token: "t" }).status().state, "IDLE");
  }
  new Personas("http://registry.example", { token: "t", allowInsecureToken: true });
});
