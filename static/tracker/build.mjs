// Sources to minified files: core.min.js and the lazy parts. `built.json` says from which sources, so that a test can
// tell a stale build without npm. Run by `make tracker`; `node build.mjs <folder>` writes elsewhere.
import {createHash} from 'node:crypto';
import {readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {build} from 'esbuild';
import {minify} from 'terser';

const target = process.argv[2] || '.';
const entries = ['core', 'form', 'heat', 'keep', 'media', 'widget'];
const sources = createHash('sha256'), files = {};
for (const name of readdirSync('src').sort()) sources.update(name + '\n' + readFileSync('src/' + name));

for (const name of entries) {
  const bundled = await build({
    entryPoints: [`src/${name}.js`], bundle: true, format: 'iife', target: 'es2020', write: false, charset: 'utf8', legalComments: 'none',
  });
  const {code} = await minify(bundled.outputFiles[0].text, {
    ecma: 2020, compress: {passes: 3, unsafe_arrows: true, pure_getters: true}, mangle: true, format: {comments: false, ascii_only: true},
  });
  writeFileSync(`${target}/${name}.min.js`, code + '\n');
  files[name] = createHash('sha256').update(code + '\n').digest('hex');
}
writeFileSync(`${target}/built.json`, JSON.stringify({sources: sources.digest('hex'), files}) + '\n');
