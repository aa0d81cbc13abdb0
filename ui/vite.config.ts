/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import type { Plugin } from "vite";

// The server that `npm run dev` hands the API's calls to.
const server = process.env.TRADEWIND_SERVER ?? "http://127.0.0.1:8080";
const token = process.env.TRADEWIND_TOKEN;
const proxied = ["/api", "/ui", "/health", "/metrics", "/openapi.json", "/openapi.yaml"];

// With TRADEWIND_TOKEN set (the server's api.token) nobody need sign in while developing.
const tokenSession: Plugin = {
  name: "token-session",
  configureServer(dev) {
    if (!token) return;
    dev.middlewares.use("/ui/session", (_request, answer) => {
      answer.setHeader("Content-Type", "application/json");
      const user = { name: "token", role: "admin", first_password: false };
      answer.end(JSON.stringify({ user, csrf: "token", version: "dev", home: "", auth: { password: true, oidc: null }, timezone: "UTC", poll: 10 }));
    });
  },
};

export default defineConfig({
  plugins: [react(), tokenSession],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: process.env.TRADEWIND_UI_OUT ?? "dist",
    emptyOutDir: true,
    assetsDir: "static",
    target: "es2022",
    modulePreload: { polyfill: false },
    manifest: "manifest.json",
    reportCompressedSize: false,
    // The server's Content-Security-Policy allows no data: in scripts and styles: every file is a file.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: Object.fromEntries(
      proxied.map((path) => [
        path,
        { target: server, changeOrigin: false, ...(token && { headers: { Authorization: `Bearer ${token}` } }) },
      ]),
    ),
  },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"], restoreMocks: true },
});
