"""One emulator for each test file; tests that kill or configure one start their own."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rest_client import RestClient
from server import EmulatorProcess


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., EmulatorProcess]]:
    """start(*options): an emulator of the test's own."""
    running: list[EmulatorProcess] = []

    def begin(*options: str) -> EmulatorProcess:
        running.append(EmulatorProcess(tmp_path, *options))
        return running[-1]
    yield begin
    for process in running:
        process.stop()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    process = EmulatorProcess(tmp_path_factory.mktemp("emulator"))
    yield process
    process.stop()


@pytest.fixture
def client(emulator: EmulatorProcess) -> RestClient:
    emulator.control("faults", "DELETE")
    emulator.control("release")
    return RestClient(emulator.url, emulator.key_file)
