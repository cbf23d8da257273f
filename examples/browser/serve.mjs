// Serves dist/ on the loopback address: `node serve.mjs [PORT]`, 5173 if none is given.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const dist = new URL("dist/", import.meta.url);
const files = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/style.css": ["style.css", "text/css; charset=utf-8"],
  "/main.js": ["main.js", "text/javascript; charset=utf-8"],
  "/icon.svg": ["icon.svg", "image/svg+xml"],
};

/** Starts the server on a port (0: any that is free) and gives it once it listens. */
export async function serve(port) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const file = files[pathname];
    if (!file) {
      response.writeHead(404, { "content-type": "text/plain" }).end("there is no such file\n");
      return;
    }
    const body = await readFile(new URL(file[0], dist));
    response.writeHead(200, { "content-type": file[1], "cache-control": "no-store" }).end(body);
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return server;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const server = await serve(Number(process.argv[2] ?? 5173));
  const origin = `http://127.0.0.1:${server.address().port}`;
  console.log(`the page is at ${origin}`);
  console.log(`the registry must allow it: persona serve --web-origin ${origin}`);
}
