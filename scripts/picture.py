"""The picture of a report's first screen for the README: `python scripts/picture.py PAGE.html docs/figures/report.png`.

Needs Chromium and the `dev` extra. The picture has few colours, so that it stays small.
"""

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1160)
    parser.add_argument("--height", type=int, default=900)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no chromium on this machine")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": options.width, "height": options.height})
        page.goto(options.page.absolute().as_uri())
        page.wait_for_timeout(500)
        options.picture.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=options.picture)
        browser.close()
    print(options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
