"""The frame of a page: one file, no request, and a policy that lets nothing run but the page's own scripts."""

from openqwq.training.reporting.markup import tag, text
from openqwq.training.reporting.scripts import content_policy, script_elements
from openqwq.training.reporting.style import STYLE


def document(title: str, *body: str, is_live: bool = False) -> str:
    """A whole page from markup, in ASCII; other characters are written as character references. `is_live`: it is served
    and asks its server for what is new."""
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{text(content_policy(is_live))}">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{text(title)} · openqwq</title><style>{STYLE}</style></head>"
        f"<body>{tag('main', *body)}{script_elements(is_live)}</body></html>\n"
    )
    return page.encode("ascii", "xmlcharrefreplace").decode()
