// Draws static/map/world.svg once: npm i d3-geo topojson-client world-atlas i18n-iso-countries && node build.mjs
// Equal Earth, so that no country looks larger than it is. Antarctica is left out.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(process.cwd() + "/");
function umd(file) {
  const module = { exports: {} };
  new Function("exports", "module", "require", readFileSync(`node_modules/${file}`, "utf8"))(
    module.exports, module, (name) => umd(`${name}/dist/${name}.js`));
  return module.exports;
}
const { geoEqualEarth, geoPath } = umd("d3-geo/dist/d3-geo.js");
const { feature } = umd("topojson-client/dist/topojson-client.js");
const iso = require("i18n-iso-countries");

const WIDTH = 960, HEIGHT = 440;
const read = (scale) => {
  const atlas = JSON.parse(readFileSync(require.resolve(`world-atlas/countries-${scale}.json`)));
  return feature(atlas, atlas.objects.countries).features.filter((one) => one.id !== "010");
};
const coarse = read("110m"), fine = read("50m");
const known = new Set(coarse.map((one) => one.id));
const everything = { type: "FeatureCollection", features: coarse };
const projection = geoEqualEarth().fitExtent([[4, 4], [WIDTH - 4, HEIGHT - 4]], everything);
const path = geoPath(projection).digits(1);
const lines = [`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}">`,
  `<!-- world-atlas (ISC), data: Natural Earth, public domain. Equal Earth, scale ${projection.scale().toFixed(3)}, translate ${projection.translate().map((x) => x.toFixed(3))} -->`,
  `<g id="land">`];
for (const one of [...coarse, ...fine.filter((each) => each.id && !known.has(each.id))]) {
  const code = iso.numericToAlpha2(one.id);
  if (!code) continue;
  const [x, y] = path.centroid(one);
  const tiny = path.area(one) < 4;
  if (Number.isFinite(x)) lines.push(tiny ? `<circle id="${code}" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="2.5"/>` : `<path id="${code}" d="${path(one)}"/>`);
}
lines.push("</g>", "</svg>");
writeFileSync(new URL("world.svg", import.meta.url), lines.join("\n") + "\n");
