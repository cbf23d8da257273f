// What went wrong, why, and what to do about it.
import { Code, ConnectError } from "@connectrpc/connect";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** A failure in words, and whether trying again can help. */
export interface Trouble {
  /** The registry's reason, such as `PERSONA_NOT_FOUND`, or what stands in for one. */
  reason: string;
  what: string;
  todo: string;
  /** `later`: back off and go on. `anew`: the place to go on from is worth nothing. `never`: somebody must act. */
  again: "later" | "anew" | "never";
}

/** `ErrorInfo.reason` of a status: every status of the registry has one. */
function reasonOf(error: ConnectError): string {
  for (const detail of error.details) {
    if (!("type" in detail) || detail.type !== "google.rpc.ErrorInfo") continue;
    const reader = new BinaryReader(detail.value);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === 1 && type === WireType.LengthDelimited) return reader.string();
      reader.skip(type);
    }
  }
  return "";
}

/** Whether anybody answers there. The answer itself is hidden from this page; that there is one is not. */
async function answers(server: string): Promise<boolean> {
  try {
    await fetch(server, { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(5000) });
    return true;
  } catch {
    return false;
  }
}

/** Explains a failed call. */
export async function explain(thrown: unknown, server: string): Promise<Trouble> {
  const error = ConnectError.from(thrown);
  const reason = reasonOf(error);
  const what = error.rawMessage;
  switch (reason) {
    case "RESUME_TOKEN_INVALID":
    case "STORE_MISMATCH":
    case "REVISION_IN_FUTURE":
    case "REVISION_COMPACTED":
      return { reason, what, todo: "The registry has another store now; the page begins anew.", again: "anew" };
    case "TOO_MANY_WATCHES":
      return { reason, what, todo: "The page waits for a free stream; close other pages that follow.", again: "later" };
    case "SERVER_DRAINING":
      return { reason, what, todo: "The page comes back by itself.", again: "later" };
    case "NAME_INVALID":
    case "ARGUMENT_INVALID":
      return { reason, what, todo: "Mend the namespace above. A single - stands for all of them.", again: "never" };
    case "PERSONA_NOT_FOUND":
    case "VERSION_NOT_FOUND":
      return { reason, what, todo: "Choose another persona.", again: "never" };
  }
  if (reason === "" && error.cause instanceof TypeError) {
    // The browser says the same of a registry that is down and of one that refuses this page.
    if (await answers(server)) {
      return {
        reason: "ORIGIN_NOT_ALLOWED",
        what: `The registry at ${server} does not allow pages of ${location.origin} to call it.`,
        todo: `Start it with: persona serve --web-origin ${location.origin}`,
        again: "never",
      };
    }
    return {
      reason: "UNREACHABLE",
      what: `Nobody answers at ${server}.`,
      todo: `Start the registry with: persona serve --web-origin ${location.origin}`,
      again: "later",
    };
  }
  const code = Code[error.code] ?? "Unknown";
  switch (error.code) {
    case Code.Unimplemented:
    case Code.InvalidArgument:
    case Code.PermissionDenied:
    case Code.Unauthenticated:
      return { reason: reason || code, what, todo: "Is there a persona registry at this address?", again: "never" };
    default:
      return { reason: reason || code, what, todo: "The page tries again by itself.", again: "later" };
  }
}
