"""The page's scripts and the policy that lets them run, and nothing else."""

import base64
import hashlib
from pathlib import Path

NAMES = ("hover.mjs", "save.mjs", "viewer.mjs")
SCRIPTS = tuple(Path(__file__).with_name(name).read_text(encoding="ascii") for name in NAMES)


def script_elements() -> str:
    """The scripts as elements for the end of the page."""
    return "".join(f'<script type="module">{script}</script>' for script in SCRIPTS)


def content_policy() -> str:
    """The page's Content-Security-Policy: no request, and no script but ours, by their hashes."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in SCRIPTS)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    rules = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}"
    return f"{rules}; base-uri 'none'; form-action 'none'"
