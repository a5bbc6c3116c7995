"""report.html."""

from pathlib import Path


def write_report(run_dir: Path) -> Path:
    """Placeholder until the page is built."""
    return run_dir / "report.html"
