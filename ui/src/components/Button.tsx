import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";
import type { LucideIcon } from "lucide-react";
import { Link } from "react-router-dom";
import { cx } from "@/lib/cx";
import { Spinner } from "@/components/Spinner";
import s from "./Button.module.css";

export type ButtonKind = "primary" | "plain" | "ghost" | "danger";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: ButtonKind;
  small?: boolean;
  icon?: LucideIcon;
  busy?: boolean; // it works on it: not to be pressed again
  children?: ReactNode;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ kind = "plain", small, icon: Icon, busy, children, className, disabled, type = "button", ...rest }: Props) {
  return (
    <button
      {...rest}
      type={type}
      className={cx(s.button, s[kind], small && s.small, className)}
      disabled={disabled}
      aria-disabled={busy || undefined}
      onClick={busy ? (e) => e.preventDefault() : rest.onClick}
    >
      {busy ? <Spinner /> : Icon && <Icon size={small ? 14 : 15} aria-hidden />}
      {children}
    </button>
  );
}

/** A link that looks like a button. */
export function ButtonLink({ to, kind = "plain", small, icon: Icon, children, className }: {
  to: string; kind?: ButtonKind; small?: boolean; icon?: LucideIcon; children: ReactNode; className?: string;
}) {
  return (
    <Link to={to} className={cx(s.button, s[kind], small && s.small, className)}>
      {Icon && <Icon size={small ? 14 : 15} aria-hidden />}
      {children}
    </Link>
  );
}

interface IconProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "children"> {
  icon: LucideIcon;
  label: string; // what it does: its name and its tip
  kind?: ButtonKind;
  small?: boolean;
  filled?: boolean;
  hotkey?: string;
  ref?: Ref<HTMLButtonElement>;
}

export function IconButton({ icon: Icon, label, kind = "ghost", small, filled, hotkey, className, type = "button", ...rest }: IconProps) {
  return (
    <button
      {...rest}
      type={type}
      aria-label={label}
      data-tip={hotkey ? `${label} (${hotkey})` : label}
      className={cx(s.button, s.icon, s[kind], small && s.small, className)}
    >
      <Icon size={small ? 14 : 16} aria-hidden fill={filled ? "currentColor" : "none"} />
    </button>
  );
}
