// Bundles the page into dist/, which any web server can serve: four files and no more.
import { cp, mkdir, rm } from "node:fs/promises";
import { build } from "esbuild";

const here = new URL(".", import.meta.url);
const dist = new URL("dist/", here);
await rm(dist, { recursive: true, force: true });
await mkdir(dist);
for (const file of ["index.html", "style.css", "icon.svg"]) {
  await cp(new URL(`src/${file}`, here), new URL(file, dist));
}
await build({
  absWorkingDir: new URL(".", here).pathname,
  entryPoints: ["src/main.ts"],
  outfile: "dist/main.js",
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  logLevel: "warning",
});
