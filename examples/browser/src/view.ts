// Draws the page. Text comes from strangers, so it is only ever set as text.
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Persona } from "../gen/persona/registry/v1/persona_pb";
import { keyOf, type State, type What } from "./follow";
import type { Trouble } from "./trouble";

/** How long a row shows that it changed; a deleted one stays for as long. */
const HIGHLIGHT_MS = 2500;
const LOG_LINES = 50;

function find<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as E;
}

/** An element with classes and content; strings become text. */
function make(tag: string, classes: string, ...content: (Node | string)[]): HTMLElement {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  element.append(...content);
  return element;
}

export class View {
  private readonly rows = new Map<string, HTMLElement>();
  private readonly list = find("list");
  private readonly filter = find<HTMLInputElement>("filter");
  private countdown: ReturnType<typeof setInterval> | undefined;
  private opened = "";

  constructor(
    private readonly manyNamespaces: boolean,
    private readonly retry: () => void,
  ) {
    this.filter.addEventListener("input", () => this.sift());
    this.list.addEventListener("keydown", (event) => this.walk(event));
  }

  /** Says where the stream stands. */
  state(state: State): void {
    clearInterval(this.countdown);
    find("state").dataset.kind = state.kind;
    switch (state.kind) {
      case "connecting":
        this.say("Connecting", "");
        this.trouble(undefined);
        break;
      case "live":
        this.say("Live", `revision ${state.revision}`);
        this.trouble(undefined);
        break;
      case "waiting": {
        const from = state.token ? `from its place ${state.token.slice(-8)}` : "from the start";
        const count = () => {
          const seconds = Math.max(0, Math.ceil((state.until - Date.now()) / 1000));
          find("place").textContent = `in ${seconds} s, ${from} (attempt ${state.attempt})`;
        };
        this.say("Reconnecting", "");
        count();
        this.countdown = setInterval(count, 250);
        this.trouble(state.trouble);
        break;
      }
      case "failed":
        this.say("Not following", "");
        this.trouble(state.trouble);
        break;
    }
  }

  /** The live region speaks when the word changes, and not at every revision. */
  private say(word: string, place: string): void {
    const text = find("state-text");
    if (text.textContent !== word) text.textContent = word;
    find("place").textContent = place;
  }

  private trouble(trouble: Trouble | undefined): void {
    const box = find("trouble");
    box.hidden = trouble === undefined;
    if (!trouble) {
      box.replaceChildren();
      return;
    }
    const told = `${trouble.reason} ${trouble.what}`;
    if (box.dataset.told === told && box.childElementCount > 0) return;
    box.dataset.told = told;
    const again = make("button", "", "Try again now");
    again.addEventListener("click", this.retry);
    box.replaceChildren(
      make("p", "", make("code", "reason", trouble.reason), " ", trouble.what),
      make("p", "todo", trouble.todo),
      again,
    );
  }

  /** Shows a change in the list and in the log. */
  change(what: What, persona: Persona, revision: bigint): void {
    const key = keyOf(persona);
    const isGone = what === "deleted" || what === "gone";
    let row = this.rows.get(key);
    if (isGone) {
      if (row) this.remove(key, row);
    } else {
      if (!row || row.dataset.what === "deleted") {
        row?.remove();
        row = make("li", "");
        this.rows.set(key, row);
        this.place(key, row);
      }
      this.fill(row, key, persona);
      if (what !== "found") this.highlight(row, what);
    }
    if (what !== "found") this.log(what, persona, revision);
    this.sift();
  }

  private place(key: string, row: HTMLElement): void {
    row.dataset.key = key;
    const after = [...this.list.children].find((other) => ((other as HTMLElement).dataset.key ?? "") > key);
    this.list.insertBefore(row, after ?? null);
  }

  private fill(row: HTMLElement, key: string, persona: Persona): void {
    const link = row.querySelector("a") ?? document.createElement("a");
    link.href = `#${encodeURIComponent(key)}`;
    const name = this.manyNamespaces ? key : persona.name;
    link.replaceChildren(
      make("span", "name", name),
      make("span", "version", `v${persona.version}`),
      make("span", "description", persona.description),
    );
    if (persona.tag) link.append(make("span", "tag", persona.tag));
    if (key === this.opened) link.setAttribute("aria-current", "true");
    if (!link.isConnected) row.append(link);
    row.dataset.text = `${name} ${persona.displayName} ${persona.description} ${persona.tag}`.toLowerCase();
  }

  private highlight(row: HTMLElement, what: What): void {
    row.dataset.what = what;
    setTimeout(() => {
      if (row.dataset.what === what) delete row.dataset.what;
    }, HIGHLIGHT_MS);
  }

  private remove(key: string, row: HTMLElement): void {
    row.dataset.what = "deleted";
    this.rows.delete(key);
    const hadFocus = row.contains(document.activeElement);
    if (hadFocus) this.filter.focus();
    row.querySelector("a")?.removeAttribute("href");
    setTimeout(() => {
      row.remove();
      this.sift();
    }, HIGHLIGHT_MS);
  }

  private log(what: What, persona: Persona, revision: bigint): void {
    const name = this.manyNamespaces ? keyOf(persona) : persona.name;
    const words = what === "gone" || what === "deleted" ? "was deleted" : `was ${what}, version ${persona.version}`;
    const at = new Date().toLocaleTimeString();
    const log = find("log");
    const line = make("li", what, make("time", "", at), " ", make("b", "", name), ` ${words}, revision ${revision}`);
    log.prepend(line);
    while (log.childElementCount > LOG_LINES) log.lastElementChild?.remove();
  }

  /** Shows what the filter lets through. */
  private sift(): void {
    const words = this.filter.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of this.rows.values()) {
      row.hidden = !words.every((word) => row.dataset.text?.includes(word));
      if (!row.hidden) shown += 1;
    }
    const all = this.rows.size;
    const personas = all === 1 ? "1 persona" : `${all} personas`;
    find("count").textContent = shown === all ? personas : `${shown} of ${personas}`;
  }

  /** Arrow keys walk the list. */
  private walk(event: KeyboardEvent): void {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const links = [...this.list.querySelectorAll<HTMLAnchorElement>("li:not([hidden]) a[href]")];
    const at = links.findIndex((link) => link === document.activeElement);
    links[at + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
    event.preventDefault();
  }

  /** Marks a persona as the one that is read. */
  choose(key: string): void {
    this.opened = key;
    for (const [other, row] of this.rows) {
      const link = row.querySelector("a");
      if (other === key) link?.setAttribute("aria-current", "true");
      else link?.removeAttribute("aria-current");
    }
  }

  /** Shows a persona, or why it cannot be shown. */
  show(shown: Persona | Trouble, focus: boolean): void {
    const article = find("persona");
    if ("todo" in shown) {
      article.replaceChildren(make("p", "hint", `${shown.what} ${shown.todo}`));
      return;
    }
    const facts: [string, string][] = [
      ["Name", keyOf(shown)],
      ["Tag", shown.tag],
      ["Version", `${shown.version}, revision ${shown.revision}`],
      ["Committed", shown.createTime ? timestampDate(shown.createTime).toLocaleString() : ""],
      ["By", shown.message ? `${shown.actor}: ${shown.message}` : shown.actor],
      ["Model", shown.model],
      ["Tools", shown.tools.join(", ")],
      ["Labels", Object.entries(shown.labels).map(([key, value]) => `${key}=${value}`).join(", ")],
      ["Size", `${shown.sizeBytes} bytes, about ${shown.tokenEstimate} tokens`],
    ];
    const told = facts.filter(([, value]) => value !== "");
    const table = make("dl", "", ...told.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]));
    const document = make("pre", "", shown.frontMatter + shown.body);
    document.tabIndex = 0;
    document.setAttribute("aria-label", "Document");
    article.replaceChildren(
      make("h2", "", shown.displayName || shown.name),
      make("p", "lead", shown.description),
      table,
      document,
    );
    if (!focus) return;
    article.scrollTop = 0;
    article.focus({ preventScroll: true });
    // On a narrow page it stands below the list.
    if (article.getBoundingClientRect().top > window.innerHeight / 2) article.scrollIntoView();
  }

  /** Says what became of the persona that is read. */
  note(what: What, revision: bigint): void {
    const article = find("persona");
    article.querySelector(".note")?.remove();
    const text = what === "deleted" || what === "gone" ? "It was deleted; this is what it last said." : `It was ${what} just now.`;
    const note = make("p", `note ${what}`, `${text} Revision ${revision}.`);
    note.setAttribute("role", "status");
    article.querySelector("h2")?.after(note);
  }
}
