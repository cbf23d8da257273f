// The client in Chromium against the real registry: `check-browser` runs it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Personas } from "../src/index.js";
import { document, Registry, scratch } from "./registry.js";

/** What is used of playwright-core, which lives in a folder of its own. */
interface Page {
  goto(url: string): Promise<unknown>;
  on(event: "pageerror", listener: (error: Error) => void): void;
  textContent(selector: string): Promise<string | null>;
  fill(selector: string, text: string): Promise<void>;
  click(selector: string): Promise<void>;
  evaluate(script: string): Promise<unknown>;
  close(): Promise<void>;
}
interface Browser {
  newPage(): Promise<Page>;
  version(): string;
  close(): Promise<void>;
}
interface Playwright {
  chromium: { launch(options: object): Promise<Browser> };
}

const [chromium = "/usr/bin/chromium", playwright = ""] = process.argv.slice(2);
const { chromium: launcher } = createRequire(path.resolve(playwright, "package.json"))("playwright-core") as Playwright;
const home = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

function saw(what: string): void {
  console.log(`browser: ${what}`);
}

const { outputFiles } = await build({
  absWorkingDir: home,
  entryPoints: ["examples/page/main.ts"],
  bundle: true,
  write: false,
  format: "esm",
  target: "es2022",
  platform: "browser",
  minify: true,
  logLevel: "warning",
});
const bundle = outputFiles[0]?.text ?? "";
assert.doesNotMatch(bundle, /\bBuffer\b|node:/);
saw(`the page has ${Math.round(bundle.length / 1024)} KiB, and nothing of Node`);

const site = createServer((request, response) => {
  const isScript = request.url === "/main.js";
  response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" });
  response.end(isScript ? bundle : readFileSync(path.join(home, "examples/page/index.html")));
});
await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
const address = site.address();
assert.ok(address !== null && typeof address === "object");
const origin = `http://127.0.0.1:${address.port}`;

const folder = scratch();
let registry = await Registry.start(folder, 0, "--web-origin", origin);
const writer = new Personas(registry.url);
await writer.put(document("guest", "first \u{1f600}"));

const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
const browser = await launcher.launch({ executablePath: chromium, headless: true, args });
try {
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  const shows = async (selector: string, wanted: RegExp): Promise<void> => {
    let seen = "";
    const look = async (): Promise<boolean> => wanted.test((seen = (await page.textContent(selector)) ?? ""));
    const end = performance.now() + 20_000;
    while (!(await look()))
      assert.ok(performance.now() < end, `${selector} never showed ${wanted.source}, but: ${seen}`);
  };

  await page.goto(`${origin}/?target=${registry.url}&name=guest`);
  await shows("#status", /^LIVE LIVE held=1 streams=1 snapshots=1 $/);
  await shows("#persona", /first \u{1f600}/u);
  await shows("#changes", /^CREATED guest 1$/);
  saw(`${browser.version()} holds the persona, LIVE`);

  await writer.put(document("guest", "second"));
  await shows("#persona", /second/);
  await shows("#changes", /UPDATED guest 2$/);
  saw("a change arrives");

  await page.fill("#save textarea", document("guest", "third"));
  await page.click("#save button");
  await shows("#outcome", /^saved guest 3$/);
  await shows("#persona", /third/);
  await page.fill("#save textarea", "# no front matter");
  await page.click("#save button");
  await shows("#outcome", /^InvalidArgumentError PERSONA_INVALID$/);
  saw("it writes, and errors have their class and reason");

  await registry.kill();
  await shows("#status", /^RECONNECTING CACHED held=1 .* Unavailable$/);
  await shows("#persona", /third/);
  saw("the registry was killed: what is held stays, CACHED");

  registry = await Registry.start(folder, registry.port, "--web-origin", origin);
  await shows("#status", /^LIVE LIVE held=1 streams=2 snapshots=1 $/);
  await writer.delete("guest");
  await shows("#persona", /NotFoundError/);
  saw("it is back, without a snapshot; what was deleted is not found");

  await registry.stop();
  await page.close();
  registry = await Registry.start(folder, registry.port);
  const refused = await browser.newPage();
  await refused.goto(`${origin}/?target=${registry.url}&name=guest`);
  const end = performance.now() + 20_000;
  while (!/^CONNECTING - held=0 .* Unavailable$/.test((await refused.textContent("#status")) ?? "")) {
    assert.ok(performance.now() < end, "a page of an origin that is not allowed is not told");
  }
  saw("a page that is not allowed is Unavailable");
  assert.deepEqual(faults, []);
} finally {
  await browser.close();
  await writer.close();
  await registry.kill();
  site.close();
}
