// `persona-registry/pb`: all generated messages and services.
export * from "./gen/persona/registry/v1/admin_service_pb.js";
export * from "./gen/persona/registry/v1/diagnostic_pb.js";
export * from "./gen/persona/registry/v1/error_pb.js";
export * from "./gen/persona/registry/v1/persona_pb.js";
export * from "./gen/persona/registry/v1/persona_service_pb.js";
