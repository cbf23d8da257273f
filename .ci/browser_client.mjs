#!/usr/bin/env node
// Drives examples/browser in Chromium against the real binary: what a person at the page sees is what was promised.
//
// Usage: browser_client.mjs PATH_TO_PERSONA PLAYWRIGHT_HOME [SCREENSHOTS], once the page is built.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { serve } from "../examples/browser/serve.mjs";

const TOP = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const PATIENCE_MS = 30_000;
const [binary, playwright, screenshots] = process.argv.slice(2);
if (!binary || !playwright) {
  console.error("usage: browser_client.mjs PATH_TO_PERSONA PLAYWRIGHT_HOME [SCREENSHOTS]");
  process.exit(2);
}
const { chromium } = createRequire(path.resolve(playwright, "package.json"))("playwright-core");
const scratch = mkdtempSync(path.join(tmpdir(), "persona-browser-"));

/** The registry, on a port of its own or on one that it had before. */
class Registry {
  static async start(data, origins, port = 0) {
    const args = ["serve", "--listen", `127.0.0.1:${port}`, "--data-dir", path.join(scratch, data)];
    args.push("--personas", path.join(TOP, "personas"), ...origins.flatMap((origin) => ["--web-origin", origin]));
    const registry = new Registry();
    registry.process = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
    registry.ended = new Promise((resolve) => registry.process.once("exit", resolve));
    let said = "";
    const listening = new Promise((resolve, reject) => {
      const take = (part) => {
        said += part;
        const found = /listening on .*?(127\.0\.0\.1:(\d+))/.exec(said);
        if (found) resolve(found);
      };
      registry.process.stdout.on("data", take);
      registry.process.stderr.on("data", take);
      registry.ended.then((code) => reject(new Error(`the registry ended with ${code}:\n${said}`)));
    });
    const [, address, number] = await listening;
    registry.address = `http://${address}`;
    registry.port = Number(number);
    return registry;
  }

  async stop() {
    this.process.kill("SIGTERM");
    assert.equal(await this.ended, 0, "the registry stops in order");
  }

  /** Runs a command of the same binary against it. */
  command(args, input = "") {
    const env = { ...process.env, PERSONA_SERVER: this.address };
    const ran = spawnSync(binary, args, { env, input, encoding: "utf8" });
    assert.equal(ran.status, 0, `persona ${args.join(" ")}: ${ran.stderr}`);
    return ran.stdout;
  }

  put(name, body, description = "Use in tests.") {
    const front = `---\nname: ${name}\ndescription: ${JSON.stringify(description)}\n---\n`;
    const document = `${front}# ${name}\n\n${body}\n`;
    this.command(["put", "-"], document);
    return document;
  }

  delete(name) {
    this.command(["delete", name]);
  }

  list() {
    return this.command(["list", "-o", "json"]).trim().split("\n").map((line) => JSON.parse(line));
  }
}

/** Waits until a look at the page gives what is wanted. */
async function until(what, look) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
    await pause(25);
  }
}

/** A page with its eyes. What it says on the console must be expected where it is said. */
class Page {
  static async open(context, url) {
    const page = new Page();
    page.errors = [];
    page.tab = await context.newPage();
    page.tab.on("console", (message) => message.type() === "error" && page.errors.push(message.text()));
    page.tab.on("pageerror", (error) => page.errors.push(String(error)));
    await page.tab.goto(url);
    return page;
  }

  kind() {
    return this.tab.locator("#state").getAttribute("data-kind");
  }

  async live() {
    await until("the page is live", async () => (await this.kind()) === "live");
  }

  rows() {
    return this.tab.locator("#list li:not([hidden]) .name").allTextContents();
  }

  row(name) {
    return this.tab.locator(`#list li[data-key="default/${name}"]`);
  }

  async shows(what, name) {
    await until(`${name} is shown as ${what}`, async () => {
      const seen = await this.row(name).evaluateAll((rows) => rows.map((row) => row.dataset.what));
      return seen.includes(what);
    });
  }

  async gone(name) {
    await until(`${name} is gone`, async () => (await this.row(name).count()) === 0);
  }

  async text(name) {
    return await this.tab.locator("#persona pre").textContent();
  }

  log() {
    return this.tab.locator("#log li").allTextContents();
  }

  /** Nothing was said on the console but what this phase expects. */
  quiet(...expected) {
    const unexpected = this.errors.filter((error) => !expected.some((pattern) => pattern.test(error)));
    assert.deepEqual(unexpected, [], "the console shows errors");
    this.errors.length = 0;
  }

  async shoot(name) {
    if (!screenshots) return;
    for (const colorScheme of ["light", "dark"]) {
      await this.tab.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await this.tab.screenshot({ path: path.join(screenshots, `${name}-${colorScheme}.png`) });
    }
    await this.tab.emulateMedia({ colorScheme: "light", reducedMotion: "no-preference" });
  }
}

const UNREACHABLE = /net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)/;

async function reads(page, registry) {
  await page.live();
  const listed = registry.list();
  const files = readdirSync(path.join(TOP, "personas")).filter((file) => file.endsWith(".md"));
  assert.equal(listed.length, files.length);
  assert.deepEqual(await page.rows(), listed.map((persona) => persona.name));
  for (const persona of listed) {
    const row = await page.row(persona.name).innerText();
    for (const part of [`v${persona.version}`, persona.tag, persona.description]) {
      assert.ok(row.includes(part ?? ""), `${part} is not in ${row}`);
    }
  }
  assert.equal(await page.tab.locator("#count").textContent(), `${listed.length} personas`);

  // By keyboard alone: filter, walk, open.
  await page.tab.locator("#filter").focus();
  await page.tab.keyboard.type("DEVELOPER");
  const matching = listed.filter((persona) => /developer/i.test(`${persona.name} ${persona.description} ${persona.tag}`));
  assert.ok(matching.length > 1 && matching.length < listed.length);
  assert.deepEqual(await page.rows(), matching.map((persona) => persona.name));
  await page.tab.keyboard.press("Tab");
  await page.tab.keyboard.press("ArrowDown");
  await page.tab.keyboard.press("Enter");
  const second = matching[1].name;
  const wanted = readFileSync(path.join(TOP, "personas", `${second}.md`), "utf8");
  await until(`${second} is shown`, async () => (await page.tab.locator("#persona pre").count()) === 1);
  assert.equal(await page.text(), wanted);
  assert.equal(await page.tab.evaluate("document.activeElement.id"), "persona");
  await page.tab.locator("#filter").fill("");
  await page.shoot("open");
  page.quiet();
}

async function follows(page, registry) {
  registry.put("guest", "first");
  await page.shows("created", "guest");
  await page.row("guest").locator("a").click();
  const document = registry.put("guest", "second");
  await page.shows("updated", "guest");
  await until("the open persona is the new one", async () => (await page.text()) === document);
  await until("the page says so", async () => (await page.tab.locator("#persona .note").count()) === 1);
  assert.match(await page.row("guest").innerText(), /v2/);
  await page.shoot("updated");
  registry.delete("guest");
  await page.shows("deleted", "guest");
  await page.gone("guest");
  assert.match(await page.tab.locator("#persona .note").textContent(), /was deleted/);
  const log = await page.log();
  for (const [line, word] of [[0, "deleted"], [1, "updated, version 2"], [2, "created, version 1"]]) {
    assert.ok(log[line].includes(`guest was ${word}`), log[line]);
  }
  page.quiet();
}

async function showsTextAsText(page, registry) {
  const attack = '<script>globalThis.pwned = 1</script><img src="x" onerror="globalThis.pwned = 1">';
  const document = registry.put("stranger", attack, attack);
  await page.shows("created", "stranger");
  await page.row("stranger").locator("a").click();
  await until("the text is shown", async () => (await page.text()) === document);
  assert.equal(await page.tab.locator("#persona .lead").textContent(), attack);
  assert.equal(await page.row("stranger").locator(".description").textContent(), attack);
  assert.equal(await page.tab.locator("main script, main img").count(), 0);
  assert.equal(await page.tab.evaluate("globalThis.pwned"), undefined);
  await page.shoot("stranger");
  page.quiet();
}

async function comesBack(page, registry, origin) {
  const before = (await page.log()).length;
  await registry.stop();
  await until("the page waits", async () => (await page.kind()) === "waiting");
  const place = await page.tab.locator("#place").textContent();
  assert.match(place, /in \d+ s, from its place \S{8} \(attempt \d+\)/);
  await until("the page says that nobody answers", async () => {
    return (await page.tab.locator("#trouble").textContent()).includes("UNREACHABLE");
  });
  await page.shoot("waiting");
  // A change that the page cannot have seen: on another port.
  const elsewhere = await Registry.start("data", [origin]);
  elsewhere.put("meanwhile", "made while the page was alone");
  await elsewhere.stop();
  const again = await Registry.start("data", [origin], registry.port);
  await page.live();
  await page.shows("created", "meanwhile");
  const news = (await page.log()).slice(0, -before);
  assert.equal(news.length, 1, `it went on from its place and did not begin anew: ${news}`);
  assert.match(news[0], /meanwhile was created/);
  assert.equal(await page.tab.locator("#trouble").isVisible(), false);
  again.put("after", "the stream is live again");
  await page.shows("created", "after");
  page.quiet(UNREACHABLE);
  return again;
}

async function isRefused(context, site) {
  const registry = await Registry.start("closed", []);
  const page = await Page.open(context, `${site}/?server=${registry.address}`);
  await until("the page gives up", async () => (await page.kind()) === "failed");
  const told = await page.tab.locator("#trouble").textContent();
  assert.match(told, /ORIGIN_NOT_ALLOWED/);
  assert.ok(told.includes(`persona serve --web-origin ${site}`), told);
  assert.deepEqual(await page.rows(), []);
  await page.shoot("refused");
  page.quiet(/blocked by CORS policy/, /net::ERR_FAILED/, /status of 405/);
  // Allowed after a restart; the page is told to try again by hand.
  await registry.stop();
  const open = await Registry.start("closed", [site], registry.port);
  await page.tab.getByRole("button", { name: "Try again now" }).click();
  await page.live();
  page.quiet();
  await page.tab.close();
  await open.stop();
}

async function saysWhatToMend(context, site, registry) {
  for (const [query, reason] of [
    [`server=${registry.address}&namespace=No+Such`, "NAME_INVALID"],
    ["server=nonsense", "ADDRESS_INVALID"],
  ]) {
    const page = await Page.open(context, `${site}/?${query}`);
    await until(`the page says ${reason}`, async () => {
      return (await page.tab.locator("#trouble").textContent()).includes(reason);
    });
    assert.equal(await page.kind(), "failed");
    page.quiet();
    await page.tab.close();
  }
}

const server = await serve(0);
const site = `http://127.0.0.1:${server.address().port}`;
const context = await chromium.launchPersistentContext(path.join(scratch, "profile"), {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  viewport: { width: 1360, height: 860 },
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
context.setDefaultTimeout(PATIENCE_MS);
let registry = await Registry.start("data", [site]);
try {
  const page = await Page.open(context, `${site}/?server=${registry.address}&namespace=default`);
  await reads(page, registry);
  await follows(page, registry);
  await showsTextAsText(page, registry);
  registry = await comesBack(page, registry, site);
  await isRefused(context, site);
  await saysWhatToMend(context, site, registry);
  await registry.stop();
  console.log("browser client: lists, opens, follows, comes back and is refused as promised");
} finally {
  await context.close();
  registry.process.kill("SIGKILL");
  server.close();
  rmSync(scratch, { recursive: true, force: true });
}
