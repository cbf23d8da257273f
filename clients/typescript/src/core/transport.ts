// What every call goes through: deadlines, further attempts, the token. It does what gRPC's service config would, and
// what that cannot say: each attempt has a deadline of its own, and writes that carry a request id are safe to repeat.
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { codeOf } from "./errors.js";
import { bearer, type Settings } from "./options.js";
import { pause, unlessAborted } from "./wait.js";

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 1000;
/** The share of a wait that is left to chance, up and down. */
const JITTER = 0.2;

/** Asks for the token before each attempt, and puts it into the header. */
export function authorize({ token }: Settings): Interceptor {
  return (next) => async (request) => {
    if (token !== undefined) {
      try {
        const asked = typeof token === "string" ? token : token();
        request.header.set("authorization", bearer(await unlessAborted(Promise.resolve(asked), request.signal)));
      } catch (thrown) {
        if (request.signal.aborted) throw thrown;
        const why = thrown instanceof Error ? thrown.message : String(thrown);
        throw new ConnectError(`no token: ${why}`, Code.Unauthenticated, undefined, undefined, thrown);
      }
    }
    return next(request);
  };
}

/** Gives each attempt of a call its deadline, tries again what got no decision, and ends all when the client is closed. */
export function steady(inner: Transport, settings: Settings, closing: AbortSignal): Transport {
  const calls = new Set<AbortController>();
  closing.addEventListener("abort", () => {
    for (const call of calls) call.abort(closing.reason);
  });
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const mayRepeat = repeatable(method.idempotency, input);
      const call = new AbortController();
      const stop = (): void => {
        call.abort(signal?.reason);
      };
      if (signal?.aborted) stop();
      if (closing.aborted) call.abort(closing.reason);
      signal?.addEventListener("abort", stop);
      calls.add(call);
      try {
        for (let attempt = 0; ; attempt += 1) {
          try {
            const deadline = timeoutMs ?? settings.callTimeout;
            return await inner.unary(method, call.signal, deadline, header, input, contextValues);
          } catch (thrown) {
            if (call.signal.aborted || attempt >= settings.retries) throw thrown;
            const code = codeOf(ConnectError.from(thrown));
            // Nobody here gave up: the connection was closed under the call.
            if (!mayRepeat(code === Code.Canceled ? Code.Unavailable : code)) throw thrown;
          }
          const wait = Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS);
          await pause(wait * (1 + JITTER * (2 * Math.random() - 1)), call.signal);
        }
      } finally {
        calls.delete(call);
        signal?.removeEventListener("abort", stop);
      }
    },
    stream: (...call) => inner.stream(...call),
  };
}

/** After which codes a call may be tried again. */
function repeatable(level: MethodOptions_IdempotencyLevel, input: object): (code: Code) => boolean {
  if (level === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) return (code) => code === Code.Unavailable;
  const isNamed = "requestId" in input && typeof input.requestId === "string" && input.requestId !== "";
  return (code) => isNamed && (code === Code.Unavailable || code === Code.DeadlineExceeded);
}
