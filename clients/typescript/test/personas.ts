// Personas and messages for tests.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Persona, PersonaSchema } from "../src/gen/persona/registry/v1/persona_pb.js";
import {
  PersonaChange_Type,
  WatchPersonasResponseSchema,
  type WatchPersonasResponse,
} from "../src/gen/persona/registry/v1/persona_service_pb.js";

export function persona(name: string, version: number, body = `${name} ${version}`): Persona {
  const digest = `sha256:${body}`;
  return create(PersonaSchema, { namespace: "default", name, version: BigInt(version), digest, body });
}

export function message(
  event: MessageInitShape<typeof WatchPersonasResponseSchema>["event"],
  resumeToken = "",
): WatchPersonasResponse {
  return create(WatchPersonasResponseSchema, { event: event ?? { case: undefined }, resumeToken });
}

export function opened(revision: number): WatchPersonasResponse {
  return message({ case: "opened", value: { header: { storeId: "store", revision: BigInt(revision) } } });
}

export function snapshot(revision: number, ...personas: Persona[]): WatchPersonasResponse {
  return message({ case: "snapshot", value: { revision: BigInt(revision), personas } });
}

export function synced(revision: number, token: string): WatchPersonasResponse {
  return message({ case: "synced", value: { revision: BigInt(revision) } }, token);
}

export function changes(
  revision: number,
  token: string,
  given: [keyof typeof PersonaChange_Type, Persona][],
  fragment = false,
): WatchPersonasResponse {
  const all = given.map(([type, one]) => ({ type: PersonaChange_Type[type], persona: one }));
  return message({ case: "changes", value: { revision: BigInt(revision), changes: all, fragment } }, token);
}

export function progress(revision: number, token: string): WatchPersonasResponse {
  return message({ case: "progress", value: { revision: BigInt(revision) } }, token);
}
