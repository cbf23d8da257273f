import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import type { Saved } from "../src/core/copy.js";
import { type CommonOptions, settle } from "../src/core/options.js";
import { PersonaSchema } from "../src/gen/persona/registry/v1/persona_pb.js";
import { DiskCopy } from "../src/node/disk.js";
import { persona } from "./personas.js";

const folder = mkdtempSync(path.join(tmpdir(), "persona-disk-"));
after(() => {
  rmSync(folder, { recursive: true });
});

const warnings: string[] = [];
const logger = {
  warn: (message: string): unknown => warnings.push(message),
  error: (message: string): unknown => warnings.push(message),
};
const selection: CommonOptions = { namespace: "payments", alias: "production", names: ["b", "a"], filter: "name:a" };

function disk(name: string, options = selection, target = "https://registry.example"): DiskCopy {
  return new DiskCopy(path.join(folder, name), 1000, settle(target, { ...options, logger }, []));
}

function saved(): Saved {
  const time = new Date("2026-01-31T12:00:00.900Z");
  const personas = [persona("b", 7, "second\n"), persona("a", 3, "\ufefffirst ü")];
  return { storeId: "0f", revision: 2n ** 60n, resumeToken: "token", time, personas };
}

/** The one warning since the last time. */
function warning(): string {
  const [only, ...more] = warnings.splice(0);
  assert.deepEqual(more, []);
  return only ?? "";
}

/** Another text under the header, with the digest that it wants. */
function forge(name: string, rest: string): void {
  const digest = createHash("sha256").update(rest).digest("hex");
  writeFileSync(path.join(folder, name), `persona-snapshot 1 sha256:${digest}\n${rest}`);
}

test("a copy is written as the format says, and read back", async () => {
  await disk("copy").write(saved());
  const file = path.join(folder, "copy");
  const written = readFileSync(file, "utf8");
  const [head = "", about = "", ...lines] = written.split("\n");
  const rest = written.slice(head.length + 1);
  assert.equal(head, `persona-snapshot 1 sha256:${createHash("sha256").update(rest).digest("hex")}`);
  assert.equal(
    about,
    '{"target":"https://registry.example:50051","namespace":"payments","alias":"production","filter":"name:a",' +
      '"names":["a","b"],"store_id":"0f","revision":"1152921504606846976","resume_token":"token",' +
      '"time":"2026-01-31T12:00:00Z"}',
  );
  const encoded = [...saved().personas]
    .reverse()
    .map((one) => Buffer.from(toBinary(PersonaSchema, one)).toString("base64"));
  assert.deepEqual(lines, [...encoded, ""]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder), ["copy"]);
  const read = disk("copy").read();
  assert.deepEqual({ ...read, personas: [] }, { ...saved(), personas: [], time: new Date("2026-01-31T12:00:00Z") });
  assert.deepEqual(read?.personas, [...saved().personas].reverse());
  assert.deepEqual(warnings, []);
});

test("a large copy is written in pieces", async () => {
  const personas = Array.from({ length: 40 }, (_, n) => persona(`p${100 + n}`, 1, "x".repeat(50_000)));
  await disk("large").write({ ...saved(), personas });
  assert.deepEqual(disk("large").read()?.personas, personas);
});

test("none is no warning; one that cannot be read is one", () => {
  assert.equal(disk("none").read(), undefined);
  assert.deepEqual(warnings, []);
  assert.equal(disk(".").read(), undefined);
  assert.match(warning(), /EISDIR/);
});

test("a copy of another selection is left out", async () => {
  await disk("other").write(saved());
  const others: [CommonOptions, string][] = [
    [{ ...selection, namespace: "default" }, "https://registry.example"],
    [{ ...selection, alias: undefined }, "https://registry.example"],
    [{ ...selection, filter: undefined }, "https://registry.example"],
    [{ ...selection, names: ["a"] }, "https://registry.example"],
    [{ ...selection, names: ["a", "b", "c"] }, "https://registry.example"],
    [selection, "http://registry.example"],
  ];
  for (const [options, target] of others) {
    assert.equal(disk("other", options, target).read(), undefined);
    assert.match(warning(), /another selection/);
  }
  // The order of names is none of its business.
  assert.notEqual(disk("other", { ...selection, names: ["a", "b"] }).read(), undefined);
});

test("a damaged copy is left out, wherever it is damaged", async () => {
  await disk("damaged").write(saved());
  const file = path.join(folder, "damaged");
  const whole = readFileSync(file);
  for (let at = 0; at < whole.length; at += 7) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(file, damaged);
    assert.equal(disk("damaged").read(), undefined, `byte ${at}`);
    assert.match(warning(), /damaged|no copy/);
    writeFileSync(file, whole.subarray(0, at));
    assert.equal(disk("damaged").read(), undefined, `cut at ${at}`);
    assert.match(warning(), /damaged|no copy/);
  }
});

test("what carries the right digest is not believed blindly", () => {
  const about = JSON.stringify({
    target: "https://registry.example:50051",
    ...selection,
    store_id: "0f",
    revision: "12",
    resume_token: "t",
    time: "2026-01-31T12:00:00Z",
  });
  const line = Buffer.from(toBinary(PersonaSchema, persona("a", 1))).toString("base64");
  const wrong: [string, RegExp][] = [
    [`${about}\n${line}\n${line}\n`, /a stands in it twice/],
    [`${about}\n${line}`, /not whole/],
    [`${about.replace('"12"', '"twelve"')}\n`, /BigInt/],
    [`${about.replace('"12"', "12")}\n`, /revision is missing/],
    [`${about.replace("2026-01-31T", "yesterday")}\n`, /time/],
    ["null\n", /./],
    ["{\n", /JSON/],
    [`${about}\n////\n`, /./],
  ];
  forge("forged", `${about}\n${line}\n`);
  assert.equal([...(disk("forged").read()?.personas ?? [])].length, 1);
  for (const [rest, why] of wrong) {
    forge("forged", rest);
    assert.equal(disk("forged").read(), undefined);
    assert.match(warning(), why);
  }
});

test("a copy that cannot be written is a warning, and leaves nothing behind", async () => {
  await disk("no/such/folder").write(saved());
  assert.match(warning(), /cannot be written: ENOENT/);
});

test("what a process left that died while it wrote is swept", () => {
  const left = path.join(folder, "copy.0123456789abcdef.tmp");
  writeFileSync(left, "");
  disk("copy").read();
  assert.ok(readdirSync(folder).includes(path.basename(left)));
  const longAgo = Date.now() / 1000 - 3600;
  utimesSync(left, longAgo, longAgo);
  disk("copy").read();
  assert.ok(!readdirSync(folder).includes(path.basename(left)));
});
