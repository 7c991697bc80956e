"""pip's index settings reach uv."""

from __future__ import annotations

from pathlib import Path

from infra.setup.index import pip_options, uv_environment


def test_environment_wins_over_files_and_other_commands_do_not_count() -> None:
    listing = "\n".join(
        [
            ":env:.cert='/from/environment.pem'",
            "global.cert='/from/file.pem'",
            "install.index-url='https://mirror.example/simple'",
            "wheel.find-links='/elsewhere'",
        ]
    )
    assert pip_options(listing) == {
        "cert": "/from/environment.pem",
        "index-url": "https://mirror.example/simple",
    }


def test_options_take_the_names_of_uv(tmp_path: Path) -> None:
    options = {
        "index-url": "https://mirror.example/simple",
        "extra-index-url": "https://a.example https://b.example",
        "cert": "/ca.pem",
        "no-index": "true",
        "find-links": f"{tmp_path} /not/there https://links.example",
    }
    assert uv_environment(options, {}) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://a.example https://b.example",
        "SSL_CERT_FILE": "/ca.pem",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": f"{tmp_path},https://links.example",
    }


def test_what_is_set_for_uv_stays() -> None:
    told = uv_environment({"cert": "/pip.pem", "timeout": "180"}, {"SSL_CERT_FILE": "/own.pem", "HOME": "/h"})
    assert told == {"SSL_CERT_FILE": "/own.pem", "UV_HTTP_TIMEOUT": "180", "HOME": "/h"}
