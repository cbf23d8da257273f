// A service that answers with its persona's version: node target/examples/service.js [TARGET] [PORT]
import { createServer } from "node:http";
import { NotFoundError, PersonaError, Personas } from "persona-registry";

const [target = "http://127.0.0.1:50051", port = "8080"] = process.argv.slice(2);
const SHIPPED_PROMPT = "You are a backend developer.";

const personas = new Personas(target, { snapshotPath: "personas.snapshot" });
personas.onChange(({ type, name, after }) => {
  console.log(`${type} ${name} ${after ? `version ${after.version}` : ""}`);
});

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const answer = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
  };
  if (pathname === "/healthz") {
    const { state, source, age } = personas.status();
    answer(200, { state, source, age });
    return;
  }
  try {
    // One look a request: what a request has begun with, it ends with.
    const persona = personas.peek("backend_developer", { fallback: SHIPPED_PROMPT });
    answer(200, { version: String(persona.version), source: persona.source, prompt: persona.body.length });
  } catch (thrown) {
    if (!(thrown instanceof PersonaError)) throw thrown;
    answer(thrown instanceof NotFoundError ? 404 : 503, { error: thrown.message });
  }
});

// With nobody to ask it starts all the same, with the copy on disk or the text that it was shipped with.
await personas.ready().catch((thrown: unknown) => {
  console.error(`the registry is not there yet: ${String(thrown)}`);
});
server.listen(Number(port), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${port}`);
});

const stop = async (): Promise<void> => {
  server.close();
  await personas.close();
};
process.once("SIGTERM", () => void stop());
process.once("SIGINT", () => void stop());
