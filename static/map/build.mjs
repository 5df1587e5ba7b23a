// Draws world.svg from the shapes of npm's world-atlas, as Equal Earth, so that no country looks larger than it is.
// Antarctica is left out. The server places dots with the scale and translation that the file's comment names.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { geoEqualEarth, geoPath } from "d3-geo";
import isoCountries from "i18n-iso-countries";
import { feature } from "topojson-client";

const WIDTH = 960;
const HEIGHT = 440;
const MARGIN = 4;
const ANTARCTICA = "010";
const MIN_SHAPE_AREA = 4; // smaller countries are drawn as dots, so that they can be seen and pointed at
const DOT_RADIUS = 2.5;
const require = createRequire(import.meta.url);

/** @returns {Object<string, string>} content by path from static/ */
export function drawWorldMap() {
  const coarse = readCountries("110m");
  const coarseIds = new Set(coarse.map(country => country.id));
  // Small countries are only in the fine atlas
  const small = readCountries("50m").filter(country => country.id && !coarseIds.has(country.id));
  const projection = fitProjection(coarse);
  const path = geoPath(projection).digits(1);
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}">`,
    describeSource(projection),
    '<g id="land">',
    ...[...coarse, ...small].map(country => drawCountry(country, path)).filter(Boolean),
    "</g>",
    "</svg>",
  ];
  return { "map/world.svg": `${lines.join("\n")}\n` };
}

/** Reads the countries' shapes at a scale of world-atlas: `110m` or the finer `50m`. */
function readCountries(scale) {
  const atlas = JSON.parse(readFileSync(require.resolve(`world-atlas/countries-${scale}.json`), "utf8"));
  return feature(atlas, atlas.objects.countries).features.filter(country => country.id !== ANTARCTICA);
}

function fitProjection(countries) {
  const extent = [
    [MARGIN, MARGIN],
    [WIDTH - MARGIN, HEIGHT - MARGIN],
  ];
  return geoEqualEarth().fitExtent(extent, { type: "FeatureCollection", features: countries });
}

function describeSource(projection) {
  const translation = projection.translate().map(length => length.toFixed(3));
  const source = "world-atlas (ISC), data: Natural Earth, public domain";
  return `<!-- ${source}. Equal Earth, scale ${projection.scale().toFixed(3)}, translate ${translation} -->`;
}

/** Draws a country with its two-letter code as id; empty for what has no code, or no place on the map. */
function drawCountry(country, path) {
  const code = isoCountries.numericToAlpha2(country.id);
  const [x, y] = path.centroid(country);
  if (!code || !Number.isFinite(x)) return "";
  if (path.area(country) >= MIN_SHAPE_AREA) return `<path id="${code}" d="${path(country)}"/>`;
  return `<circle id="${code}" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${DOT_RADIUS}"/>`;
}
