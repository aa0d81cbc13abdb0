import { defineConfig } from "@playwright/test";

// Debian's browser: ./bootstrap test installs it. Playwright's own cannot be had everywhere.
export default defineConfig({
  testDir: ".",
  outputDir: `${process.env.TRADEWIND_BUILD}/ui-test`,
  globalSetup: "./server.ts",
  workers: 1, // one server, whose DAGs the tests pause and run
  timeout: 240_000, // of a busy machine; no test waits for time to pass
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--force-color-profile=srgb"] },
    timezoneId: "UTC",
    reducedMotion: "reduce",
  },
});
