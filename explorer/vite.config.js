import { defineConfig } from 'vite';

export default defineConfig({
  base: '/explorer/',
  esbuild: { jsx: 'automatic' },
  // Monaco's workers import modules, which the default worker format can't.
  worker: { format: 'es' },
  build: {
    // The editor is one large chunk whatever we do.
    chunkSizeWarningLimit: 4096,
    rollupOptions: {
      onwarn(warning, warn) {
        // "use client" is meant for servers that render React; here there is none.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/graphql': { target: 'http://127.0.0.1:3000', ws: true } },
  },
});
