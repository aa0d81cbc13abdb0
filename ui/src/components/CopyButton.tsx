import { useState } from "react";
import { Check, Copy } from "lucide-react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/components/Button";
import { toast } from "@/components/Toast";

export function CopyButton({ text, label, className }: { text: string; label?: string; className?: string }) {
  const { t } = useTranslation();
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      window.setTimeout(() => setDone(false), 1500);
    } catch {
      toast.error(new Error(t("copy_failed")));
    }
  };
  return <IconButton icon={done ? Check : Copy} small label={done ? t("copied") : (label ?? t("copy"))} className={className} onClick={() => void copy()} />;
}
