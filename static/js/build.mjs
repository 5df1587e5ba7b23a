// Builds the scripts of the pages: each entry that a template names, bundled with the modules that it imports and
// minified, so that a first visit loads one file instead of one for each module.
import { build } from "esbuild";

const FOLDER = new URL("./", import.meta.url).pathname;
/** Paths from this folder, as templates name them in `{% script_module %}`. */
const ENTRIES = [
  "api-reference.js",
  "app.js",
  "links/editor.js",
  "links/live.js",
  "links/toolbox.js",
  "onsite/frame.js",
  "onsite/settings.js",
  "onsite/window.js",
  "spy/page.js",
];

/** @returns {Promise<Object<string, string>>} content by path from static/ */
export async function buildPageScripts() {
  const { outputFiles } = await build({
    entryPoints: ENTRIES.map(name => FOLDER + name),
    outdir: `${FOLDER}built`,
    outbase: FOLDER,
    outExtension: { ".js": ".min.js" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2020",
    charset: "utf8",
    legalComments: "none",
    write: false,
  });
  return Object.fromEntries(outputFiles.map(file => [`js/${file.path.slice(FOLDER.length)}`, file.text]));
}
