// `persona-registry`: the client for Node.
export * from "./core/index.js";
export { Personas, type PersonasOptions } from "./node/personas.js";
