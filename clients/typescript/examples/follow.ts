// Prints a persona and follows its changes: node target/examples/follow.js [TARGET] [NAME]
import { Personas } from "persona-registry";

const [target = "http://127.0.0.1:50051", name = "backend_developer"] = process.argv.slice(2);
const personas = new Personas(target, { snapshotPath: "personas.snapshot" });

const held = await personas.get(name, { fallback: "You are a backend developer." });
console.log(`${held.source}, version ${held.version}:\n${held.body}`);

for await (const change of personas.changes()) {
  if (change.name === name) console.log(`${change.type} ${name}, version ${change.after?.version ?? "none"}`);
}
