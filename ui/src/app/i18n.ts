/*
 * English and Korean. Each view has a namespace, i18n/<language>/<namespace>.json, which is loaded with it: useTranslation("dags").
 * "common" holds what the shell and the shared components say, and comes with the first script.
 */
import i18next from "i18next";
import type { BackendModule } from "i18next";
import { initReactI18next } from "react-i18next";
import { read, write } from "@/lib/storage";
import enCommon from "@/i18n/en/common.json";

export const LANGUAGES = { en: "English", ko: "한국어" } as const;
export type Language = keyof typeof LANGUAGES;

const files = import.meta.glob<{ default: Record<string, unknown> }>(["../i18n/*/*.json", "!../i18n/en/common.json"]);

const backend: BackendModule = {
  type: "backend",
  init() {},
  read(language, namespace, done) {
    if (language === "en" && namespace === "common") return done(null, enCommon);
    const load = files[`../i18n/${language}/${namespace}.json`];
    if (!load) return done(null, {});
    load().then((m) => done(null, m.default), (e: Error) => done(e, null));
  },
};

function initial(): Language {
  const chosen = read("language");
  if (chosen === "en" || chosen === "ko") return chosen;
  return navigator.languages.some((l) => l.toLowerCase().startsWith("ko")) && !navigator.language.toLowerCase().startsWith("en") ? "ko" : "en";
}

export async function startI18n() {
  const lng = initial();
  document.documentElement.lang = lng;
  await i18next
    .use(backend)
    .use(initReactI18next)
    .init({
      lng,
      fallbackLng: "en",
      ns: ["common"],
      defaultNS: "common",
      partialBundledLanguages: true,
      resources: { en: { common: enCommon } },
      interpolation: { escapeValue: false },
      returnNull: false,
    });
}

/** Words of views that are about to be shown. What cannot be loaded is asked for again by the view itself. */
export const loadWords = (names: readonly string[]) => i18next.loadNamespaces(names).catch(() => undefined);

export async function setLanguage(lng: Language) {
  write("language", lng);
  await i18next.changeLanguage(lng);
  document.documentElement.lang = lng;
}
