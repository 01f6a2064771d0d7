import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The server a dev build talks to; `bin/tandem serve --demo` by default.
const server = process.env.TANDEM_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2023',
    chunkSizeWarningLimit: 700,
    // action.html is the customers' page of /a/{token}.
    rollupOptions: { input: ['index.html', 'action.html'] },
  },
  server: {
    proxy: {
      '/api': server,
      '/widget': server,
      '/ws': { target: server, ws: true },
    },
  },
});
