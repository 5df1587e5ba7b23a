// Builds the tracker: bundles and minifies the sources into core.min.js and the parts that it loads on demand,
// and the script of the on-site widget's badge.
// built.json tells from which sources, so that a test recognizes a stale build without npm.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { build } from "esbuild";
import { minify } from "terser";

const SOURCES = new URL("src/", import.meta.url);
const NAMES = ["core", "form", "heat", "keep", "media", "onsite", "widget"];

/** @returns {Promise<Object<string, string>>} content by path from static/ */
export async function buildTracker() {
  const files = {};
  const hashes = {};
  for (const name of NAMES) {
    const code = await buildFile(name);
    files[`tracker/${name}.min.js`] = code;
    hashes[name] = createHash("sha256").update(code).digest("hex");
  }
  files["tracker/built.json"] = `${JSON.stringify({ sources: hashSources(), files: hashes })}\n`;
  return files;
}

async function buildFile(name) {
  const bundle = await build({
    entryPoints: [new URL(`${name}.js`, SOURCES).pathname],
    bundle: true,
    format: "iife",
    target: "es2020",
    write: false,
    charset: "utf8",
    legalComments: "none",
  });
  const { code } = await minify(bundle.outputFiles[0].text, {
    ecma: 2020,
    compress: { passes: 3, unsafe_arrows: true, pure_getters: true },
    mangle: true,
    format: { comments: false, ascii_only: true },
  });
  return `${code}\n`;
}

function hashSources() {
  const hash = createHash("sha256");
  for (const name of readdirSync(SOURCES).sort()) hash.update(`${name}\n`).update(readFileSync(new URL(name, SOURCES)));
  return hash.digest("hex");
}
