"""The frame of a page: one file, no request, and a policy that lets nothing run but the page's own scripts."""

from openqwq.training.reporting.markup import tag, text
from openqwq.training.reporting.scripts import content_policy, script_elements
from openqwq.training.reporting.style import STYLE


def document(title: str, *body: str) -> str:
    """A whole page from markup, in ASCII; other characters are written as character references."""
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{text(content_policy())}">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{text(title)} · openqwq</title><style>{STYLE}</style></head>"
        f"<body>{tag('main', *body)}{script_elements()}</body></html>\n"
    )
    return page.encode("ascii", "xmlcharrefreplace").decode()
