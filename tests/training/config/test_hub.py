"""Without a network the hub is not asked again and again."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from huggingface_hub import constants

from openqwq.training.config import hub


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Hosts that were asked for; none has an address."""
    asked: list[Any] = []

    def resolve(host: str, port: int) -> None:
        asked.append((host, port))
        raise socket.gaierror("no network")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_HUB_OFFLINE", "HF_ENDPOINT", *hub.PROXIES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "")  # so that it is as before afterwards
    hub.stay_away_if_unreachable.cache_clear()
    return asked


def test_a_hub_without_an_address_is_left_alone_here_and_in_child_processes(
    resolved: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example:8443/hf")
    hub.stay_away_if_unreachable()
    hub.stay_away_if_unreachable()
    assert resolved == [("mirror.example", 443)]  # asked once
    assert constants.HF_HUB_OFFLINE is True and os.environ["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "HF_HUB_OFFLINE"])
def test_behind_a_proxy_or_told_to_be_offline_nothing_is_looked_up(
    resolved: list[Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    hub.stay_away_if_unreachable()
    assert resolved == [] and constants.HF_HUB_OFFLINE is False


def test_a_hub_with_an_address_is_asked(resolved: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port: [host])
    hub.stay_away_if_unreachable()
    assert constants.HF_HUB_OFFLINE is False and not os.environ["HF_HUB_OFFLINE"]
