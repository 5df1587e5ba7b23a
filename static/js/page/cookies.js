/** The page's own cookies. The server reads them, so that a page is right from its first paint. */

const SECONDS_PER_YEAR = 31_536_000;

export function setCookie(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${SECONDS_PER_YEAR}; samesite=lax`;
}
