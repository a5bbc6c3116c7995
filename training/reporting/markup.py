"""The HTML elements of the page. Text from outside reaches the page through `text` only, which escapes it."""

import html
from collections.abc import Iterable, Sequence

_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {127: 0x2421}
"""Control characters -> their visible symbols (U+2400 ...), so that none reaches the page."""


def text(value: object) -> str:
    """Any text, escaped for use in an element and in a quoted attribute."""
    return html.escape(str(value).translate(_CONTROLS), quote=True)


def tag(name: str, *children: str, css: str = "") -> str:
    """An element; its children are markup."""
    opening = f'<{name} class="{css}">' if css else f"<{name}>"
    return f"{opening}{''.join(children)}</{name}>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], css: str = "") -> str:
    """A table; its cells are markup. A row whose first cell starts with a tab is a sub-row."""
    body = "".join(
        f"<tr{' class=sub' if row[0].startswith(chr(9)) else ''}>"
        + "".join(f"<td>{cell.strip(chr(9))}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    titles = "".join(f"<th>{title}</th>" for title in head)
    return f'<div class="wide"><table class="{css}"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def folded(title: str, *children: str) -> str:
    """A section that opens on a click."""
    return f"<details><summary>{title}</summary>{''.join(children)}</details>"


def badge(words: str, mood: str) -> str:
    """A small label; its style `mood` is good, bad, wait or plain."""
    return tag("span", text(words), css=f"badge {mood}")


def decimals(value: float | None, signed: bool = False) -> str:
    """A number with three decimals and a real minus sign; a dash for None."""
    if value is None:
        return "&ndash;"
    return f"{value:+.3f}".replace("-", "&minus;") if signed else f"{value:.3f}".replace("-", "&minus;")


def duration(seconds: float | None) -> str:
    """Seconds in readable units: `48 s`, `4 min 12 s`, `3 h 05 min`."""
    if seconds is None:
        return "&ndash;"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    if whole < 5400:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
