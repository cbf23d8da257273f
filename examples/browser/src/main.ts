// The page: which registry, what of it, and one persona at a time.
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { PersonaView } from "../gen/persona/registry/v1/persona_pb";
import { PersonaService } from "../gen/persona/registry/v1/persona_service_pb";
import { Follower, keyOf } from "./follow";
import { explain } from "./trouble";
import { View } from "./view";

const query = new URLSearchParams(location.search);
const namespace = query.get("namespace") || "default";
const server = (query.get("server") || "http://127.0.0.1:50051").replace(/\/+$/, "");
for (const [name, value] of Object.entries({ server, namespace })) {
  const input = document.querySelector<HTMLInputElement>(`#where [name=${name}]`);
  if (input) input.value = value;
}

const client = createClient(PersonaService, createGrpcWebTransport({ baseUrl: server }));
const view = new View(namespace === "-", () => follower.hurry());
const follower = new Follower(client, server, namespace, {
  state: (state) => view.state(state),
  change(what, persona, revision) {
    view.change(what, persona, revision);
    if (keyOf(persona) !== chosen()) return;
    if (what === "deleted" || what === "gone") view.note(what, revision);
    else void open(false).then(() => { if (what !== "found") view.note(what, revision); });
  },
});

/** The key of the persona that the address names. */
function chosen(): string {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

/** Fetches and shows the persona that the address names. */
async function open(focus: boolean): Promise<void> {
  const key = chosen();
  view.choose(key);
  const slash = key.indexOf("/");
  if (slash < 0) return;
  const request = { namespace: key.slice(0, slash), name: key.slice(slash + 1), view: PersonaView.FULL };
  try {
    const { persona } = await client.getPersona(request);
    // Another may have been chosen, or this one changed again, while the answer was on its way.
    const known = follower.personas.get(key);
    if (persona && key === chosen() && !(known && known.revision > persona.revision)) view.show(persona, focus);
  } catch (thrown) {
    const trouble = await explain(thrown, server);
    if (key === chosen()) view.show(trouble, focus);
  }
}

window.addEventListener("hashchange", () => void open(true));
window.addEventListener("online", () => follower.hurry());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") follower.hurry();
});
if (URL.canParse(server) && /^https?:/.test(server)) {
  void open(false);
  void follower.run();
} else {
  const todo = "Write an address such as http://127.0.0.1:50051 above.";
  view.state({ kind: "failed", trouble: { reason: "ADDRESS_INVALID", what: `${server} is no address.`, todo, again: "never" } });
}
