"""The pages of Data Docs without scripts and without anything from elsewhere: they read as well without a network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from great_expectations.render.view import DefaultJinjaPageView

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 0 1.5rem 3rem; color: #1c2733 }
nav ol { list-style: none; display: flex; gap: .6rem; padding: 0 } nav ol li + li::before { content: "› " }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; display: table }
td, th { border-bottom: 1px solid #d7dde3; padding: .35rem .6rem; text-align: left; vertical-align: top }
th { background: #f3f5f7 } a { color: #0b62a3 } pre { white-space: pre-wrap }
ul { padding-left: 1.2rem } code, .badge { background: #f3f5f7; border-radius: 3px; padding: 0 .25rem }
.collapse { display: block } footer, .cloud-footer, img, button, .modal, .dropdown-menu, .fa-copy { display: none }
.fa-check-circle::before, .fa-check::before { content: "✓ "; color: #18794e; font-weight: bold }
.fa-times::before, .fa-times-circle::before { content: "✗ "; color: #c62a2f; font-weight: bold }
.fa-exclamation-triangle::before { content: "! "; color: #ad5700; font-weight: bold }
i { font-style: normal } .text-success { color: #18794e } .text-danger, .table-danger { color: #c62a2f }
.alert { border-left: 4px solid #d7dde3; padding: .2rem .8rem; margin: .8rem 0 }
"""

_SCRIPT: Final = re.compile(r"<script\b.*?</script>", re.DOTALL)
_LINK: Final = re.compile(r"<link\b[^>]*>")
_IMAGE: Final = re.compile(r"<img\b[^>]*>", re.DOTALL)
_FOOTER: Final = re.compile(r"<footer\b.*?</footer>", re.DOTALL)
_URL: Final = re.compile(r"url\([^)]*\)")
_HANDLER: Final = re.compile(r"\son[a-z]+=\"[^\"]*\"")


class StaticPageView(DefaultJinjaPageView):  # type: ignore[misc] # the library is not looked into
    """The page of a suite or of a check."""

    def render(self, document: Any, template: Any = None, **options: Any) -> str:
        """As the library renders it, whole in one file."""
        return whole(super().render(document, template, **options))


class Links:
    """In place of the library's renderer of the index, whose tables a script would have to fill."""

    def render(self, links: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the library knows of every page."""
        return links


class StaticIndexView:
    """The page that lists the others: checks, the newest first, then suites."""

    def render(self, document: Mapping[str, Any], template: Any = None, **_: Any) -> str:  # noqa: ARG002 - as it is called
        """A whole page of plain tables."""
        checks = "".join(_check(each) for each in document.get("validations_links", ()))
        suites = "".join(
            f"<li>{_link(each['filepath'], each['expectation_suite_name'])}</li>"
            for each in document.get("expectations_links", ())
        )
        head = "<tr><th>check</th><th>suite</th><th>passed</th></tr>"
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Data quality</title>'
            f"<style>{_STYLE}</style></head><body><h1>Data quality</h1><p>What batch has checked before it published, "
            "by Great Expectations: of each event its valid records against the contract, and rules over whole tables."
            f"</p><table>{head}{checks}</table><h2>Suites</h2><ul>{suites}</ul></body></html>"
        )


def _check(link: Mapping[str, Any]) -> str:
    passed = '<i class="fa-check"></i>' if link["validation_success"] else '<i class="fa-times"></i>no'
    when = link["run_time"].strftime("%Y-%m-%d %H:%M:%S UTC")
    suite = escape(link["expectation_suite_name"])
    return f"<tr><td>{_link(link['filepath'], when)}</td><td>{suite}</td><td>{passed}</td></tr>"


def _link(path: str, text: str) -> str:
    return f'<a href="{escape(path)}">{escape(text)}</a>'


def whole(page: str) -> str:
    """The page with our style in place of all that a browser would load or run."""
    for pattern in (_SCRIPT, _LINK, _IMAGE, _FOOTER, _URL, _HANDLER):
        page = pattern.sub("", page)
    return page.replace("</head>", f"<style>{_STYLE}</style></head>", 1)
