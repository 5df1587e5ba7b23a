// Copies what browsers, and the browser tests, get from npm's packages. package.json pins the versions.
import { readFileSync } from "node:fs";

/** Path from static/ -> path in node_modules/. */
const COPIES = {
  "vendor/htmx.min.js": "htmx.org/dist/htmx.min.js",
  "vendor/swagger-ui-bundle.js": "swagger-ui-dist/swagger-ui-bundle.js",
  "vendor/swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
  "vendor/licenses/htmx.org.txt": "htmx.org/LICENSE",
  "vendor/licenses/swagger-ui.txt": "swagger-ui-dist/LICENSE",
  "vendor/licenses/swagger-ui-bundle.txt": "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt",
  "vendor/licenses/world-atlas.txt": "world-atlas/LICENSE",
  "../tests/browser/vendor/axe.min.js": "axe-core/axe.min.js",
  "../tests/browser/vendor/LICENSE.axe-core": "axe-core/LICENSE",
  "../tests/browser/vendor/jquery.min.js": "jquery/dist/jquery.min.js",
  "../tests/browser/vendor/LICENSE.jquery": "jquery/LICENSE.txt",
};

/** @returns {Object<string, string>} content by path from static/ */
export function copyPackageFiles() {
  const packages = new URL("../node_modules/", import.meta.url);
  return Object.fromEntries(
    Object.entries(COPIES).map(([path, source]) => [path, readFileSync(new URL(source, packages), "utf8")]),
  );
}
