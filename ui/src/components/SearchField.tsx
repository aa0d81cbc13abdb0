import { useEffect, useRef, useState } from "react";
import type { Ref } from "react";
import { Search, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/components/Button";
import s from "./Form.module.css";

const WAIT_MS = 180;

/** A search field that speaks when typing rests. `hotkey`: "/" puts the cursor into it. */
export function SearchField({ value, onChange, label, placeholder, inputRef }: {
  value: string; onChange: (v: string) => void; label: string; placeholder?: string; inputRef?: Ref<HTMLInputElement>;
}) {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  const [given, setGiven] = useState(value);
  const timer = useRef(0);
  if (given !== value) {
    setGiven(value);
    if (value !== text) setText(value);
  }
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const set = (v: string, wait = WAIT_MS) => {
    setText(v);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      setGiven(v);
      onChange(v);
    }, wait);
  };
  return (
    <div className={s.search}>
      <Search size={15} aria-hidden className={s.searchIcon} />
      <input
        ref={inputRef}
        type="search"
        className={s.input}
        value={text}
        aria-label={label}
        placeholder={placeholder ?? label}
        autoComplete="off"
        spellCheck={false}
        onChange={(e) => set(e.target.value)}
        onKeyDown={(e) => {
          if (e.key === "Enter") set(text, 0);
          if (e.key === "Escape") {
            if (text) set("", 0);
            else e.currentTarget.blur();
          }
        }}
      />
      {text && <IconButton icon={X} small label={t("clear_search")} className={s.searchClear} onClick={() => set("", 0)} />}
    </div>
  );
}
