// A page that shows a persona, follows it and saves it: /?target=http://127.0.0.1:50051&name=backend_developer
// Bundled for browsers, `persona-registry` is `persona-registry/web`. The registry must allow the page's origin.
import { PersonaError, Personas } from "persona-registry";

const query = new URLSearchParams(location.search);
const name = query.get("name") ?? "backend_developer";
const personas = new Personas(query.get("target") ?? "http://127.0.0.1:50051", {
  backoffMost: 2000,
  token: query.get("token") ?? undefined,
});

function show(id: string, text: string): void {
  const element = document.getElementById(id);
  if (element) element.textContent = text;
}

function draw(): void {
  const { state, source, personas: held, streams, snapshots, error } = personas.status();
  show(
    "status",
    `${state} ${source ?? "-"} held=${held} streams=${streams} snapshots=${snapshots} ${error?.kind ?? ""}`,
  );
  try {
    show("persona", personas.peek(name, { fallback: "not received yet" }).document);
  } catch (thrown) {
    show("persona", String(thrown));
  }
}

setInterval(draw, 50);

personas.onChange(({ type, name, after }) => {
  const line = document.createElement("li");
  line.textContent = `${type} ${name} ${after?.version ?? "-"}`;
  document.getElementById("changes")?.append(line);
});

document.getElementById("save")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = new FormData(event.target as HTMLFormElement).get("document");
  personas.put(typeof text === "string" ? text : "").then(
    ({ name, version }) => {
      show("outcome", `saved ${name} ${version}`);
    },
    (thrown: unknown) => {
      show("outcome", thrown instanceof PersonaError ? `${thrown.name} ${thrown.reason}` : String(thrown));
    },
  );
});
