import pytest


@pytest.fixture
def no_folder(monkeypatch):
    monkeypatch.delenv("SKDEEPAD_DATA", raising=False)


@pytest.fixture
def no_network(monkeypatch):
    """Refuse each download, and list what was asked for."""
    asked = []

    def refuse(url, output_file, pooch):
        asked.append(url)
        raise ConnectionError("no route to host")

    monkeypatch.setattr("pooch.core.choose_downloader", lambda *args, **kwargs: refuse)
    return asked
