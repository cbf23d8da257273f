// `persona-registry/web`: the client for browsers.
export * from "./core/index.js";
export { Personas, type PersonasOptions } from "./web/personas.js";
