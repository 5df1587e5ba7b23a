/** The heatmap over the page: spots where people clicked, painted on a canvas that lets clicks through. */
import { d, listen, w } from "./browser.js";

const RADIUS = 24;
const LEVELS = 7;
const SHADES = 256; // of a canvas's alpha channel
const MIN_SPOT_ALPHA = 0.15;
const MIN_ALPHA = 60;
const MAX_ALPHA = 215;
const CANVAS_STYLE = "position:fixed;inset:0;z-index:2147483646;pointer-events:none";

const page = d.documentElement;
let canvas;
/** The server's answer (WIRE.md, 5), with `maxClicks` of a spot and the `colours` of all shades; nothing when closed. */
let heatmap;
let frame = 0;

const getColour = level => "oklch(" + (0.99 - 0.08 * level) + " " + Math.min(0.16, 0.01 + 0.035 * level) + " 35)";

/** Returns the colours from one click to the most. */
export const getColours = () => Array.from({ length: LEVELS }, (_, index) => getColour(index + 1));

/** Returns red, green, blue and alpha of every shade. */
const buildPalette = () => {
  const strip = d.createElement("canvas");
  const context = strip.getContext("2d");
  const gradient = context.createLinearGradient(0, 0, SHADES, 0);
  strip.width = SHADES;
  getColours().forEach((colour, index) => gradient.addColorStop(index / (LEVELS - 1), colour));
  context.fillStyle = gradient;
  context.fillRect(0, 0, SHADES, 1);
  return context.getImageData(0, 0, SHADES, 1).data;
};

const findBox = selector => {
  try {
    return selector && d.querySelector(selector)?.getBoundingClientRect();
  } catch {} // a selector that this browser does not know
};

/** Paints a spot in black, as opaque as it has clicks; nothing where its element is hidden or it is out of sight. */
const paintSpot = (context, box, [, offsetX, offsetY, across, down, clicks]) => {
  if (box && !box.width) return;
  const x = box ? box.left + (offsetX * box.width) / 1000 : (across * page.scrollWidth) / 1000 - w.pageXOffset;
  const y = box ? box.top + (offsetY * box.height) / 1000 : down - w.pageYOffset;
  if (y < -RADIUS || y > canvas.height + RADIUS) return;
  const gradient = context.createRadialGradient(x, y, 0, x, y, RADIUS);
  gradient.addColorStop(0, "rgba(0,0,0," + Math.max(MIN_SPOT_ALPHA, clicks / heatmap.maxClicks) + ")");
  gradient.addColorStop(1, "rgba(0,0,0,0)");
  context.fillStyle = gradient;
  context.fillRect(x - RADIUS, y - RADIUS, 2 * RADIUS, 2 * RADIUS);
};

/** Gives each shade of black its colour. */
const colourShades = context => {
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  const bytes = image.data;
  for (let at = 0; at < bytes.length; at += 4) {
    const shade = bytes[at + 3];
    if (!shade) continue;
    for (let channel = 0; channel < 3; channel++) bytes[at + channel] = heatmap.colours[4 * shade + channel];
    bytes[at + 3] = Math.min(MAX_ALPHA, MIN_ALPHA + shade);
  }
  context.putImageData(image, 0, 0);
};

const paint = () => {
  frame = 0;
  if (!heatmap) return;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  canvas.width = w.innerWidth;
  canvas.height = w.innerHeight;
  const boxes = heatmap.elements.map(findBox);
  heatmap.points.forEach(point => paintSpot(context, boxes[point[0]], point));
  colourShades(context);
};

/**
 * Paints the heatmap, now and whenever the page is scrolled or resized.
 * @returns {number} clicks of the spot that has most
 */
export const showOverlay = answer => {
  const maxClicks = Math.max(1, ...answer.points.map(point => point[5]));
  heatmap = { ...answer, maxClicks, colours: buildPalette() };
  if (!canvas) {
    canvas = page.appendChild(d.createElement("canvas"));
    canvas.style.cssText = CANVAS_STYLE;
  }
  paint();
  return maxClicks;
};

export const hideOverlay = () => {
  canvas?.remove();
  canvas = heatmap = 0;
};

export const watchScrolling = () =>
  listen(w, "scroll resize", () => {
    if (!frame) frame = requestAnimationFrame(paint);
  });
