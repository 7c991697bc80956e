"""Reports as one static HTML file each: no scripts, nothing from elsewhere, and every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 64rem; padding: 1rem 1.5rem; color: #1c2733 }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem } p { margin: .3rem 0 }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 }
td, th { border-bottom: 1px solid #d7dde3; padding: .3rem .6rem; text-align: left; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums } th { background: #f3f5f7 }
.good, .bad { border-left: 4px solid #18794e; padding: .2rem .8rem } .bad { border-color: #c62a2f }
svg text { font: 12px system-ui, sans-serif; fill: #1c2733 } img { max-width: 100% } small { color: #5a6772 }
"""
_BAR: Final = 18
_LEFT, _WIDTH = 220, 560


def page(title: str, *parts: str) -> str:
    """A whole page; `parts` are HTML already."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading with what is below it, left out where that is nothing."""
    return f"<h2>{escape(title)}</h2>{''.join(parts)}" if any(parts) else ""


def told(text: str, *, is_good: bool) -> str:
    """One sentence that stands out."""
    return f'<p class="{"good" if is_good else "bad"}">{escape(text)}</p>'


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Plain text and figures; nothing where there are no rows, and no head where it says nothing."""
    known = list(rows)
    if not known:
        return ""
    heads = "".join(
        f'<th class="number">{escape(name)}</th>' if isinstance(value, int | float) else f"<th>{escape(name)}</th>"
        for name, value in zip(head, known[0], strict=True)
    )
    top = f"<tr>{heads}</tr>" if any(head) else ""
    lines = ("".join(map(_cell, row)) for row in known)
    return f"<table>{top}{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def bars(values: Sequence[tuple[str, float]], bound: float) -> str:
    """A bar each, beside the bound at a thin line; those beyond it are red."""
    if not values:
        return ""
    scale = _WIDTH / max(2 * bound, *(value for _, value in values))
    lines = []
    for place, (name, value) in enumerate(values):
        top = place * (_BAR + 6)
        colour = "#c62a2f" if value > bound else "#3b7dbd"
        lines.append(
            f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{_LEFT}" y="{top}" width="{max(value * scale, 1):.1f}" height="{_BAR}" fill="{colour}"/>'
            f'<text x="{_LEFT + value * scale + 6:.1f}" y="{top + 14}">{value:.3f}</text>'
        )
    height, at = len(values) * (_BAR + 6), _LEFT + bound * scale
    line = f'<line x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{height}" stroke="#5a6772" stroke-dasharray="3"/>'
    return f'<svg width="{_LEFT + _WIDTH + 60}" height="{height}" role="img">{"".join(lines)}{line}</svg>'


def lines(named: Sequence[tuple[str, Sequence[float | None]]], ticks: Sequence[str]) -> str:
    """A line each over the same ticks, broken where there is no value."""
    known = [value for _, values in named for value in values if value is not None]
    if len(ticks) < 2 or not known:
        return ""
    low, high, tall, colours = min(known), max(known), 160, ("#3b7dbd", "#c67b1e", "#18794e", "#8a4fae")
    step, span = _WIDTH / (len(ticks) - 1), (high - low) or 1.0
    drawn = []
    for place, (name, values) in enumerate(named):
        colour = colours[place % len(colours)]
        for index, value in enumerate(values):
            if value is None:
                continue
            x, y = _LEFT + index * step, 10 + (high - value) / span * tall
            drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            after = values[index + 1] if index + 1 < len(values) else None
            if after is not None:
                end = 10 + (high - after) / span * tall
                drawn.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x + step:.1f}" y2="{end:.1f}" stroke="{colour}"/>')
        drawn.append(f'<text x="0" y="{40 + place * 18}" style="fill:{colour}">{escape(name)}</text>')
    edges = f'<text x="{_LEFT - 60}" y="14">{high:.3f}</text><text x="{_LEFT - 60}" y="{tall + 14}">{low:.3f}</text>'
    ends = (
        f'<text x="{_LEFT}" y="{tall + 34}">{escape(ticks[0])}</text>'
        f'<text x="{_LEFT + _WIDTH}" y="{tall + 34}" text-anchor="end">{escape(ticks[-1])}</text>'
    )
    return f'<svg width="{_LEFT + _WIDTH + 60}" height="{tall + 44}" role="img">{edges}{"".join(drawn)}{ends}</svg>'


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class="number">{value:,.4f}</td>'
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    return f"<td>{'–' if value is None else escape(str(value))}</td>"
