"""Mail by SMTP, with the options of [email] and [smtp] and the connection [email] email_conn_id."""

from __future__ import annotations

import collections.abc
import os
import re
import smtplib
import ssl
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate
from typing import TYPE_CHECKING

from airflow.configuration import conf

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def send_email(
    to: str | Iterable[str],
    subject: str,
    html_content: str,
    files: list[str] | None = None,
    dryrun: bool = False,
    cc: str | Iterable[str] | None = None,
    bcc: str | Iterable[str] | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str | None = None,
    custom_headers: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """Sends by [email] email_backend."""
    backend = conf.getimport("email", "email_backend")
    return backend(
        get_email_address_list(to), subject, html_content, files=files, dryrun=dryrun, cc=cc,
        bcc=bcc, mime_subtype=mime_subtype, mime_charset=mime_charset,
        conn_id=conn_id or conf.get("email", "email_conn_id"), custom_headers=custom_headers,
        **kwargs,
    )  # fmt: skip


def send_email_smtp(
    to: str | Iterable[str],
    subject: str,
    html_content: str,
    files: list[str] | None = None,
    dryrun: bool = False,
    cc: str | Iterable[str] | None = None,
    bcc: str | Iterable[str] | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str | None = "smtp_default",
    from_email: str | None = None,
    custom_headers: dict[str, Any] | None = None,
    **kwargs: Any,
) -> None:  # fmt: skip
    """Sends by SMTP."""
    sender = from_email or conf.get("smtp", "smtp_mail_from")
    message, recipients = build_mime_message(
        sender, to, subject, html_content, files, cc, bcc, mime_subtype, mime_charset,
        custom_headers,
    )  # fmt: skip
    send_mime_email(sender, recipients, message, conn_id, dryrun)


def build_mime_message(
    mail_from: str | None,
    to: str | Iterable[str],
    subject: str,
    html_content: str,
    files: list[str] | None = None,
    cc: str | Iterable[str] | None = None,
    bcc: str | Iterable[str] | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    custom_headers: dict[str, Any] | None = None,
) -> tuple[MIMEMultipart, list[str]]:  # fmt: skip
    """The message and all who get it."""
    to = get_email_address_list(to)
    message = MIMEMultipart(mime_subtype)
    message["Subject"], message["To"] = subject, ", ".join(to)
    message["From"] = mail_from  # type: ignore[assignment]
    recipients = list(to)
    if cc:
        message["CC"] = ", ".join(get_email_address_list(cc))
        recipients += get_email_address_list(cc)
    if bcc:
        recipients += get_email_address_list(bcc)
    message["Date"] = formatdate(localtime=True)
    message.attach(MIMEText(html_content, "html", mime_charset))
    for path in files or ():
        name = os.path.basename(path)
        with open(path, "rb") as file:
            part = MIMEApplication(file.read(), Name=name)
        part["Content-Disposition"] = f'attachment; filename="{name}"'
        part["Content-ID"] = f"<{name}>"
        message.attach(part)
    for header, value in (custom_headers or {}).items():
        message[header] = value
    return message, recipients


def send_mime_email(
    e_from: str,
    e_to: str | list[str],
    mime_msg: MIMEMultipart,
    conn_id: str | None = "smtp_default",
    dryrun: bool = False,
) -> None:
    """Sends a message that is made."""
    host, port = conf.get("smtp", "smtp_host"), conf.getint("smtp", "smtp_port")
    user, password = _credentials(conn_id)
    if dryrun:
        return
    use_ssl, timeout = conf.getboolean("smtp", "smtp_ssl"), conf.getint("smtp", "smtp_timeout")
    context = ssl.create_default_context()
    server = (
        smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
        if use_ssl
        else smtplib.SMTP(host, port, timeout=timeout)
    )
    with server:
        if conf.getboolean("smtp", "smtp_starttls") and not use_ssl:
            server.starttls(context=context)
        if user and password:
            server.login(user, password)
        server.sendmail(e_from, e_to, mime_msg.as_string())


def _credentials(conn_id: str | None) -> tuple[str | None, str | None]:
    from tradewind.exceptions import AirflowException
    from tradewind.hooks import BaseHook

    try:
        found = BaseHook.get_connection(conn_id or "")
        return found.login, found.password
    except AirflowException:
        return conf.get("smtp", "smtp_user", None), conf.get("smtp", "smtp_password", None)


def get_email_address_list(addresses: str | Iterable[str]) -> list[str]:
    """A list of addresses from one text with commas or semicolons, or from several. TypeError."""
    if isinstance(addresses, str):
        return [part for part in re.split(r"\s*[,;]\s*", addresses) if part]
    if isinstance(addresses, collections.abc.Iterable):
        found = list(addresses)
        if all(isinstance(address, str) for address in found):
            return [part for address in found for part in get_email_address_list(address)]
    raise TypeError(f"Unexpected argument type: Received '{type(addresses).__name__}'.")
