// One stream while it stands: what it says, in its order, becomes what is held.
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Persona } from "../gen/persona/registry/v1/persona_pb.js";
import type {
  PersonaChange,
  WatchPersonasResponse,
  WatchPersonasResponse_Opened,
} from "../gen/persona/registry/v1/persona_service_pb.js";
import type { Copy } from "./copy.js";

export class Reading {
  opened: WatchPersonasResponse_Opened | undefined;
  caughtUp = false;
  /** What Closing asks to wait, in milliseconds. */
  delay = 0;
  readonly #copy: Copy;
  readonly #resumed: boolean;
  /** The snapshot so far. */
  #snapshot: Persona[] = [];
  /** Fragments of one revision so far. */
  #group: PersonaChange[] = [];

  constructor(copy: Copy) {
    this.#copy = copy;
    this.#resumed = copy.token !== "";
  }

  /** Takes a message in. Whether what is held has changed, or is live now and was not. */
  take({ event, resumeToken }: WatchPersonasResponse): boolean {
    const wasCaughtUp = this.caughtUp;
    let isChanged = false;
    switch (event.case) {
      case "opened":
        this.opened = event.value;
        this.#reached(this.#copy.contents?.revision);
        break;
      case "snapshot":
        this.#snapshot.push(...event.value.personas);
        break;
      case "synced":
        this.#copy.swap(this.#snapshot, event.value.revision, this.opened?.header?.storeId ?? "");
        this.#snapshot = [];
        this.caughtUp = true;
        break;
      case "changes":
        this.#group.push(...event.value.changes);
        if (event.value.fragment) return false;
        if (this.#isPlaced()) {
          this.#copy.apply(event.value.revision, this.#group);
          isChanged = true;
        }
        this.#group = [];
        this.#reached(event.value.revision);
        break;
      case "progress":
        if (this.#isPlaced()) this.#copy.apply(event.value.revision, []);
        this.#reached(event.value.revision);
        break;
      case "closing":
        if (event.value.retryDelay) this.delay = durationMs(event.value.retryDelay);
        break;
    }
    if (this.caughtUp) this.#copy.live();
    if (this.#isPlaced()) this.#copy.keep(resumeToken);
    return this.caughtUp && (isChanged || !wasCaughtUp);
  }

  /** Before Synced nothing is held of this stream, and there is no place to go on from. */
  #isPlaced(): boolean {
    return this.#resumed || this.caughtUp;
  }

  /** A stream that resumed has caught up once it is where the registry was when it was opened. */
  #reached(revision: bigint | undefined): void {
    const goal = this.opened?.header?.revision;
    if (this.#resumed && goal !== undefined && revision !== undefined && revision >= goal) this.caughtUp = true;
  }
}
