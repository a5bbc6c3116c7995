"""The page's scripts and the policy that lets them run, and nothing else."""

import base64
import hashlib
import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.mjs)";\n', re.MULTILINE)
_COMMENT = re.compile(r"^ */\*\*(?:(?!\*/).)*\*/\n+", re.MULTILINE | re.DOTALL)
"""A comment of whole lines; others stay."""


def bundled(name: str) -> str:
    """A script with those that it imports in front of it, as a page cannot import from a file. Without comments of
    whole lines, a third of the text."""
    script = Path(__file__).with_name(name).read_text(encoding="ascii")
    imported = [bundled(other) for other in dict.fromkeys(_IMPORT.findall(script))]
    return "".join([*imported, _COMMENT.sub("", _IMPORT.sub("", script))])


SCRIPTS = {name: bundled(name) for name in ("hover.mjs", "logscale.mjs", "save.mjs", "viewer.mjs", "watch.mjs")}


def scripts_of(is_live: bool) -> list[str]:
    """The scripts of a page; only one that is served watches."""
    return [script for name, script in SCRIPTS.items() if is_live or name != "watch.mjs"]


def script_elements(is_live: bool = False) -> str:
    """The scripts as elements for the end of the page."""
    return "".join(f'<script type="module">{script}</script>' for script in scripts_of(is_live))


def content_policy(is_live: bool = False) -> str:
    """The page's Content-Security-Policy: no script but ours, by their hashes, and no request; of a page that is
    served, only such as go to its server."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts_of(is_live))
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    rules = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}"
    return f"{rules}; base-uri 'none'; form-action 'none'" + ("; connect-src 'self'" if is_live else "")
