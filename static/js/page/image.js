/** A graph as a PNG file, drawn from the server's SVG. */

const SCALE = 2; // for sharp screens
const REVOKE_AFTER_MS = 10_000;

/** Downloads the SVG at `url` as a PNG that is named after the page. */
export async function downloadPng(url) {
  const canvas = await drawImage(url);
  const blob = await new Promise(resolve => canvas.toBlob(resolve, "image/png"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${document.title.replace(/[^\p{L}\p{N}]+/gu, "-")}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_AFTER_MS);
}

async function drawImage(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth * SCALE;
  canvas.height = image.naturalHeight * SCALE;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}
