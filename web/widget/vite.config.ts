import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, defineConfig, type Plugin } from 'vite';

const out = join(import.meta.dirname, '../dist/widget');

/** What a site's page loads before the widget is opened: this script, with at most 10 kB of settings in it (chat/web/settings.go). */
const LIMIT = 15 * 1024;

// The loader is a script of its own in one file, not a module: it finds itself by document.currentScript.
const loader: Plugin = {
  name: 'tandem-loader',
  async closeBundle() {
    await build({
      configFile: false,
      logLevel: 'warn',
      publicDir: false,
      build: {
        target: 'es2022',
        outDir: out,
        emptyOutDir: false,
        lib: {
          entry: join(import.meta.dirname, 'loader/loader.ts'),
          formats: ['iife'],
          name: 'TandemLoader',
          fileName: () => 'loader.js',
        },
      },
    });
    const size = gzipSync(readFileSync(join(out, 'loader.js')), { level: 9 }).length;
    console.log(`widget: ${size} bytes compressed before it opens; at most ${LIMIT} are allowed`);
    if (size > LIMIT) throw new Error('The widget is too large before it opens; see web/widget/vite.config.ts.');
  },
};

export default defineConfig({
  root: import.meta.dirname,
  base: '/widget/-/',
  publicDir: false,
  plugins: [loader],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: { target: 'es2022', outDir: out, emptyOutDir: true, modulePreload: { polyfill: false } },
});
