"""Whether the model hub can be reached: without a network its client tries again for a minute, a line each time."""

import os
import socket
import sys
from functools import cache
from urllib.parse import urlsplit

ENDPOINT = "https://huggingface.co"
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")


@cache
def stay_away_if_unreachable() -> None:
    """Put the hub's clients, also those of child processes, into offline mode where its host has no address. What is in
    their cache is found then, and what is not is an error at once."""
    if any(os.environ.get(name) for name in PROXIES) or os.environ.get("HF_HUB_OFFLINE"):
        return
    host = urlsplit(os.environ.get("HF_ENDPOINT") or ENDPOINT).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        os.environ["HF_HUB_OFFLINE"] = "1"
        for module, names in (
            ("huggingface_hub.constants", ("HF_HUB_OFFLINE",)),
            ("datasets.config", ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")),
        ):
            if module in sys.modules:  # imported before, when they read the variable
                for name in names:
                    setattr(sys.modules[module], name, True)
