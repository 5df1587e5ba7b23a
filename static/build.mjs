// Builds the files of static/ that nobody writes by hand, from their sources in the repository and from npm's packages:
//   node build.mjs           writes them
//   node build.mjs --check   writes nothing; fails if a committed file is not what its sources make
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { buildPageScripts } from "./js/build.mjs";
import { drawWorldMap } from "./map/build.mjs";
import { buildTracker } from "./tracker/build.mjs";
import { copyPackageFiles } from "./vendor/build.mjs";

/** Content by path from this folder. */
const files = { ...copyPackageFiles(), ...drawWorldMap(), ...(await buildTracker()), ...(await buildPageScripts()) };
const isCheck = process.argv.includes("--check");

for (const [path, content] of Object.entries(files)) {
  const url = new URL(path, import.meta.url);
  if (existsSync(url) && readFileSync(url, "utf8") === content) continue;
  if (isCheck) {
    console.error(`static/${path} is not what its sources make: run \`make build-static\` and commit the result`);
    process.exitCode = 1;
  } else {
    mkdirSync(new URL(".", url), { recursive: true });
    writeFileSync(url, content);
  }
}
