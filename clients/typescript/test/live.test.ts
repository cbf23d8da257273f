// The client against the real registry: what the suite of all languages does not look at, or not so closely.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  ConflictError,
  InvalidArgumentError,
  NotFoundError,
  Personas,
  type PersonasOptions,
  UnauthenticatedError,
  UnavailableError,
} from "../src/index.js";
import { command, document, isMissing, Registry, scratch, until, Wire } from "./registry.js";

const skip = isMissing();
const said: string[] = [];
const say = (message: string): unknown => said.push(message);
const quick = { backoffFirst: 20, backoffMost: 50, progressInterval: 1000, logger: { warn: say, error: say } };
const opened: Personas[] = [];
const registries: Registry[] = [];

function open(target: string, options: PersonasOptions = {}): Personas {
  const personas = new Personas(target, { ...quick, ...options });
  opened.push(personas);
  return personas;
}

async function start(folder: string, port = 0, ...more: string[]): Promise<Registry> {
  const registry = await Registry.start(folder, port, ...more);
  registries.push(registry);
  return registry;
}

after(async () => {
  await Promise.all(opened.map((personas) => personas.close()));
  await Promise.all(registries.map((registry) => registry.kill()));
});

test("reads, writes, follows, and goes on after a crash with what changed since", { skip }, async () => {
  const folder = scratch();
  const registry = await start(folder);
  const personas = open(registry.url);
  await personas.ready();
  assert.deepEqual(personas.names(), []);
  const odd = `\ufeff${document("odd", "CRLF\r\n\u{1f600} ")}`;
  await personas.put(odd, { message: "first" });
  await until("it is held", () => personas.names().includes("odd"));
  const held = personas.peek("odd");
  assert.deepEqual([held.document, held.source, held.age, held.version], [odd, "LIVE", 0, 1n]);
  assert.throws(() => Object.assign(held.persona, { body: "" }), TypeError);
  await registry.kill();
  await until("it is told", () => personas.status().state === "RECONNECTING");
  const cached = await personas.get("odd", { fallback: "never" });
  assert.equal(cached.source, "CACHED");
  assert.ok((cached.age ?? 0) > 0);
  await until("nobody answers", () => personas.status().error?.message.includes("ECONNREFUSED"));

  const elsewhere = await start(folder);
  const other = open(elsewhere.url);
  await other.put(document("odd", "second"));
  await other.close();
  await elsewhere.stop();
  const again = await start(folder, registry.port);
  await personas.ready(20_000);
  assert.equal(personas.peek("odd").version, 2n);
  const { streams, snapshots, error } = personas.status();
  assert.deepEqual([streams, snapshots, error], [2, 1, undefined]);
  assert.equal(held.version, 1n);
  await again.kill();

  // Another store on the same port: the place to go on from is void, and what vanished is swept.
  await start(scratch(), registry.port);
  await until("it is swept", () => personas.status().state === "LIVE" && personas.names().length === 0);
  assert.equal(personas.status().snapshots, 2);
});

test("a stream that says nothing is given up, and one connection is all there is", { skip }, async () => {
  const registry = await start(scratch());
  const wire = await Wire.to(registry.port);
  const personas = open(wire.url);
  await Promise.all(Array.from({ length: 50 }, () => personas.get("x", { fallback: "y" }).catch(() => undefined)));
  await personas.put(document("a", "1"));
  assert.deepEqual([wire.connections, personas.status().streams], [1, 1]);
  wire.isStalled = true;
  await until("it is given up", () => personas.status().state === "RECONNECTING");
  assert.match(personas.status().error?.message ?? "", /said nothing for 3000 ms/);
  wire.isStalled = false;
  await personas.ready(20_000);
  await personas.close();
  await until("no connection is left", () => wire.open === 0);
  wire.close();
});

test("calls say what is wrong, and lost answers do no harm", { skip }, async () => {
  const registry = await start(scratch());
  const wire = await Wire.to(registry.port);
  const personas = open(wire.url, { callTimeout: 5000 });
  const first = await personas.put(document("a", "1"), { createOnly: true });
  await assert.rejects(personas.put(document("a", "1"), { createOnly: true }), ConflictError);
  await assert.rejects(personas.put("# no front matter"), (thrown) => {
    assert.ok(thrown instanceof InvalidArgumentError);
    assert.equal(thrown.reason, "PERSONA_INVALID");
    assert.ok(thrown.violations.length > 0 && thrown.callId !== "");
    return true;
  });
  await assert.rejects(personas.fetch("a", { version: 9 }), NotFoundError);
  await assert.rejects(personas.fetch("a", { version: 1, alias: "x" }), TypeError);
  assert.equal((await personas.validate("# no front matter")).storable, false);

  wire.cutsAnswers = 2;
  const second = await personas.put(document("a", "2"));
  assert.deepEqual([second.version, second.revision, second.replayed], [2n, first.revision + 1n, true]);
  wire.cutsAnswers = 2;
  assert.equal((await personas.fetch("a")).version, 2n);

  await personas.setAlias("a", "production", 1, { expectedVersion: 0 });
  await assert.rejects(personas.setAlias("a", "production", 2, { expectedVersion: 2 }), ConflictError);
  assert.equal((await personas.fetch("a", { alias: "production" })).version, 1n);
  assert.equal((await personas.deleteAlias("a", "production")).previousVersion, 1n);
  const batch = await personas.batchWrite([
    { kind: { case: "put", value: { content: new TextEncoder().encode(document("b", "1")) } } },
    { kind: { case: "delete", value: { name: "a" } } },
  ]);
  assert.equal(batch.results.length, 2);
  const names: string[] = [];
  for await (const persona of personas.list({ filter: 'name = "b"' })) names.push(persona.name);
  assert.deepEqual(names, ["b"]);

  const gaveUp = new AbortController();
  wire.isStalled = true;
  const call = personas.fetch("b", { signal: gaveUp.signal });
  gaveUp.abort();
  await assert.rejects(call, { kind: "Unavailable", code: "CANCELLED" });
  const stub = personas.stub.getPersona({ name: "b" }, { timeoutMs: 50 });
  await assert.rejects(stub, (thrown) => ConnectError.from(thrown).code === Code.DeadlineExceeded);
  const ended = personas.fetch("b");
  await personas.close();
  await assert.rejects(ended, { kind: "Unavailable", message: "this client is closed" });
  await assert.rejects(personas.get("b"), UnavailableError);
  await assert.rejects(personas.fetch("b"), UnavailableError);
  wire.close();
});

test("a token is asked for anew, also by what is awaited, and its trouble is told", { skip }, async () => {
  const folder = scratch();
  const token = command("token", "create", "reader", "--grant", "admin", "--data-dir", folder).trim();
  const registry = await start(folder, 0, "--auth");
  let current = "prsn_wrong";
  const personas = open(registry.url, { firstSyncTimeout: 300, token: () => Promise.resolve(current) });
  await assert.rejects(personas.get("a"), UnauthenticatedError);
  assert.equal((await personas.get("a", { fallback: "shipped" })).document, "shipped");
  assert.ok(said.some((line) => line.includes("UNAUTHENTICATED CREDENTIALS_INVALID")));
  current = `${token}\n`;
  await personas.ready(20_000);
  await personas.put(document("a", "1"));
  const broken = open(registry.url, {
    firstSyncTimeout: 300,
    token: () => {
      throw new Error("the vault is shut");
    },
  });
  await assert.rejects(broken.get("a"), { kind: "Unauthenticated", message: "no token: the vault is shut" });
  // One that never comes holds nothing up for longer than a call may take.
  const stuck = open(registry.url, { callTimeout: 100, token: () => new Promise<string>(() => undefined) });
  await assert.rejects(stuck.fetch("a"), { code: "DEADLINE_EXCEEDED" });
  await stuck.close();
});

test("both sides show certificates, and renewed ones are used for the next connection", { skip }, async () => {
  const folder = scratch();
  const certs = path.join(folder, "certs");
  command("dev-certs", certs, "--name", "registry.test");
  const file = (name: string): string => path.join(certs, name);
  const server = [
    "--tls-cert",
    file("server.pem"),
    "--tls-key",
    file("server-key.pem"),
    "--tls-client-ca",
    file("ca.pem"),
  ];
  const data = scratch();
  const registry = await start(data, 0, ...server);
  const url = registry.url.replace("http:", "https:");
  command("dev-certs", path.join(folder, "foreign"));
  const [cert, key] = [path.join(folder, "cert.pem"), path.join(folder, "key.pem")];
  const show = (issuer: string): void => {
    copyFileSync(path.join(folder, issuer, "client-dev.pem"), cert);
    copyFileSync(path.join(folder, issuer, "client-dev-key.pem"), key);
  };
  show("certs");
  const tls = { caCert: file("ca.pem"), clientCert: cert, clientKey: key };
  const personas = open(url, { ...tls, serverName: "registry.test" });
  await personas.ready();
  await assert.rejects(open(url, { ...tls, serverName: "other.test" }).ready(1000), /other\.test/);
  await assert.rejects(open(url, { caCert: file("ca.pem") }).ready(1000), UnavailableError);
  await assert.rejects(open(url).ready(1000), /certificate/);
  // Half a renewal: the files do not fit together, and the last ones go on.
  writeFileSync(cert, "half written");
  await registry.stop();
  await until("it is told", () => personas.status().state === "RECONNECTING");
  const again = await start(data, registry.port, ...server);
  await personas.ready(20_000);
  // A whole one counts, for better or worse.
  show("foreign");
  await again.stop();
  await until("it is told", () => personas.status().state === "RECONNECTING");
  await start(data, registry.port, ...server);
  await assert.rejects(personas.ready(1000), UnavailableError);
  show("certs");
  await personas.ready(20_000);
});

test("a slow, a failing and a looping subscriber each get the newest", { skip }, async () => {
  const registry = await start(scratch());
  const personas = open(registry.url);
  const [failing, slow, looped]: [string[], string[], string[]] = [[], [], []];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  personas.onChange(({ type, after }) => {
    failing.push(`${type} ${after?.version ?? 0}`);
    throw new Error("as tests do");
  });
  personas.onChange(async ({ type, after }) => {
    slow.push(`${type} ${after?.version ?? 0}`);
    await held;
  });
  const loop = (async (): Promise<void> => {
    for await (const { type } of personas.changes()) {
      looped.push(type);
      if (type === "REMOVED") break;
    }
  })();
  for (let version = 1; version <= 5; version += 1) {
    await personas.put(document("a", String(version)));
    await until("it is told", () => failing.length === version);
  }
  release();
  await until("the slow one has the newest", () => slow.length === 2);
  assert.deepEqual(slow, ["CREATED 1", "UPDATED 5"]);
  await personas.delete("a");
  await loop;
  assert.deepEqual(looped, ["CREATED", "UPDATED", "UPDATED", "UPDATED", "UPDATED", "REMOVED"]);
  assert.deepEqual(failing.at(-1), "REMOVED 0");
});

test("a process ends once the client is closed, and starts from disk without the registry", { skip }, async () => {
  const folder = scratch();
  const registry = await start(folder);
  await open(registry.url).put(document("a", "1"));
  const entry = new URL("../src/index.js", import.meta.url).href;
  const script = `
    import { Personas } from ${JSON.stringify(entry)};
    const personas = new Personas(${JSON.stringify(registry.url)}, { snapshotPath: "copy" });
    const { source, version } = await personas.get("a");
    const pin = personas.pin();
    await personas.close();
    console.log(source, Number(version), pin.get("a").source, personas.status().state);
  `;
  const run = async (): Promise<string> => {
    const node = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { cwd: folder });
    return (await node).stdout.trim();
  };
  assert.equal(await run(), "LIVE 1 LIVE CLOSED");
  await registry.kill();
  assert.equal(await run(), "DISK 1 DISK CLOSED");
});
