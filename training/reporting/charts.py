"""Small charts in inline SVG: lines, stacked areas, interval bars. Numbers in, markup out; colours are CSS classes."""

import json
import math
from collections.abc import Mapping, Sequence

from openqwq.training.reporting.markup import text
from openqwq.training.reporting.smoothing import SMOOTH_FROM, smoothed, thinned
from openqwq.training.reporting.style import chart_style
from openqwq.training.run_folder.record import Series

WIDTH, HEIGHT = 340, 168
LEFT, RIGHT, TOP, BOTTOM = 40, 10, 10, 22
HEAD = 40
"""Height of title and legend in a file of its own."""
LOG_FROM = 10.0
"""Curves of positive values whose largest is so many times the smallest can be looked at on a logarithmic scale."""


class Axes:
    """Maps data to the chart's coordinates and draws the frame."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x0, self.x1 = x if x[0] < x[1] else (x[0] - 0.5, x[0] + 0.5)
        self.ticks = nice_ticks(*y)
        self.y0, self.y1 = self.ticks[0], self.ticks[-1]

    def x(self, value: float) -> float:
        return LEFT + (value - self.x0) / (self.x1 - self.x0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        fraction = (min(max(value, self.y0), self.y1) - self.y0) / (self.y1 - self.y0)
        return HEIGHT - BOTTOM - fraction * (HEIGHT - TOP - BOTTOM)

    def frame(self, x_labels: Sequence[tuple[float, str]]) -> str:
        lines = [
            f'<line class="grid{" zero" if tick == 0 else ""}" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
            f'y1="{self.y(tick):.1f}" y2="{self.y(tick):.1f}"/>'
            f'<text x="{LEFT - 6}" y="{self.y(tick) + 3:.1f}" text-anchor="end">{_short(tick)}</text>'
            for tick in self.ticks
        ]
        marks = [
            f'<text x="{self.x(value):.1f}" y="{HEIGHT - 6}" text-anchor="{_anchor(i, len(x_labels))}">'
            f"{text(label)}</text>"
            for i, (value, label) in enumerate(x_labels)
        ]
        return "".join(lines + marks)

    def path(self, points: Series) -> str:
        return "M" + "L".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)


def line_chart(
    title: str,
    lines: Mapping[str, Series],
    span: tuple[float, float] | None = None,
    anchor: str = "",
    bands: Mapping[str, tuple[Series, Series]] | None = None,
    marks: Sequence[tuple[float, str]] = (),
) -> str:
    """Curves over steps. `span` is the y range; without it the range covers the data and zero. `anchor` is the name by
    which links find the chart. `bands`: (lower, upper) edge of the band around a curve. `marks`:
    steps at which something happened, and what."""
    lines = {name: thinned(points) for name, points in lines.items() if points}
    if not lines:
        return ""
    edges = {name: (thinned(low), thinned(high)) for name, (low, high) in (bands or {}).items() if name in lines}
    values = [y for points in [*lines.values(), *(edge for both in edges.values() for edge in both)] for _, y in points]
    steps = [x for points in lines.values() for x, _ in points]
    axes = Axes((min(steps), max(steps)), span or (min(0.0, *values), max(0.0, *values)))
    drawn = [_mark(axes, step, words) for step, words in marks if axes.x0 <= step <= axes.x1]
    for i, (name, points) in enumerate(lines.items()):
        colour = f"c{i % 8}"
        if name in edges and edges[name][0]:
            low, high = (smoothed(edge) if len(edge) >= SMOOTH_FROM else edge for edge in edges[name])
            drawn.append(f'<path class="band {colour}" d="{axes.path(low + high[::-1])}Z"/>')
        if name in edges and edges[name][0] and len(points) >= SMOOTH_FROM:
            drawn.append(f'<path class="line {colour}" d="{axes.path(smoothed(points))}"/>')
        elif len(points) < SMOOTH_FROM:
            drawn.append(f'<path class="line {colour}" d="{axes.path(points)}"/>')
            drawn += [
                f'<circle class="dot {colour}" cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="2.4"/>' for x, y in points
            ]
        else:
            drawn.append(f'<path class="line raw {colour}" d="{axes.path(points)}"/>')
            drawn.append(f'<path class="line {colour}" d="{axes.path(smoothed(points))}"/>')
    drawing = axes.frame(_step_labels(axes)) + _plot(drawn)
    data = _read_by_hover(axes, lines) + _read_by_log_scale(axes, lines) + _saved_beside(edges)
    return figure(title, list(lines), drawing, data=data, anchor=anchor)


def stacked_chart(title: str, layers: Mapping[str, Series], marks: Sequence[tuple[float, str]] = ()) -> str:
    """Areas stacked on top of each other; a layer without a value at a step is zero there. `marks` as in line_chart."""
    layers = {name: thinned(points) for name, points in layers.items() if points}
    if not layers:
        return ""
    steps = sorted({x for points in layers.values() for x, _ in points})
    base = dict.fromkeys(steps, 0.0)
    bands: list[tuple[Series, Series]] = []
    for points in layers.values():
        found = dict(points)
        top = {x: base[x] + max(0.0, found.get(x, 0.0)) for x in steps}
        bands.append((sorted(base.items()), sorted(top.items())))
        base = top
    axes = Axes((steps[0], steps[-1]), (0.0, max(base.values())))
    areas = [
        f'<path class="area c{i % 8}" d="{axes.path(_widened(low + high[::-1], axes))}Z"/>'
        for i, (low, high) in enumerate(bands)
    ]
    areas += [_mark(axes, step, words) for step, words in marks if axes.x0 <= step <= axes.x1]
    return figure(title, list(layers), axes.frame(_step_labels(axes)) + _plot(areas), data=_read_by_hover(axes, layers))


def _mark(axes: Axes, step: float, words: str) -> str:
    at = f'x1="{axes.x(step):.1f}" x2="{axes.x(step):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"'
    return f'<line class="mark" {at}><title>{text(f"step {step:g}: {words}")}</title></line>'


def _plot(drawn: Sequence[str]) -> str:
    """The inside of the frame, as a drawing of its own, whose `viewBox` the script narrows to zoom (hover.mjs)."""
    size = f'width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT}"'
    box = f'viewBox="{LEFT} 0 {WIDTH - LEFT - RIGHT} {HEIGHT}"'
    return f'<svg class="plot" x="{LEFT}" y="0" {size} {box} preserveAspectRatio="none">{"".join(drawn)}</svg>'


def milestones(title: str, points: Sequence[str], lines: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> str:
    """Values with intervals at named points of the run, joined by lines: suite -> point -> (low, value, high)."""
    axes = Axes((-0.3, len(points) - 0.7), (0.0, 1.0))
    drawn = []
    for i, values in enumerate(lines.values()):
        shift = (i - (len(lines) - 1) / 2) * 0.05
        known = [(points.index(point) + shift, *value) for point, value in values.items()]
        drawn.append(f'<path class="line c{i % 8}" d="{axes.path([(x, y) for x, _, y, _ in known])}"/>')
        drawn += [_whisker(axes, i, *value) for value in known]
    labels = [(float(i), point) for i, point in enumerate(points)]
    marks = "".join(
        f'<text x="{axes.x(x):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{text(n)}</text>' for x, n in labels
    )
    return figure(title, list(lines), axes.frame([]) + marks + "".join(drawn), css="hero")


def dumbbell(before: float | None, after: float) -> str:
    """A line from an open dot (before) to a filled one (after), on a scale from 0 to 1."""
    width, y = 180, 6
    at = [4 + min(max(value, 0.0), 1.0) * (width - 8) for value in (after if before is None else before, after)]
    parts = [f'<line class="bar before" x1="{at[0]:.1f}" x2="{at[1]:.1f}" y1="{y}" y2="{y}"/>']
    if before is not None:
        parts.append(f'<circle class="pin before" cx="{at[0]:.1f}" cy="{y}" r="2.6"/>')
    parts.append(f'<circle class="pin after" cx="{at[1]:.1f}" cy="{y}" r="2.8"/>')
    return f'<svg class="bars" viewBox="0 0 {width} 12" width="{width}" height="12">{"".join(parts)}</svg>'


def _whisker(axes: Axes, i: int, x: float, low: float, value: float, high: float) -> str:
    column = f"{axes.x(x):.1f}"
    return (
        f'<line class="line c{i % 8}" x1="{column}" x2="{column}" y1="{axes.y(low):.1f}" y2="{axes.y(high):.1f}"/>'
        f'<circle class="dot c{i % 8}" cx="{column}" cy="{axes.y(value):.1f}" r="3"/>'
    )


def forest(title: str, rows: Sequence[tuple[str, float, float, float, str]]) -> str:
    """Differences with their intervals, one a row around a line at zero: (name, low, value, high, css class)."""
    reach = max(0.01, *(abs(x) for _, *interval, _ in rows for x in interval))
    ticks = nice_ticks(-reach, reach)
    left, gap = 110, 20
    height = gap * len(rows) + TOP + BOTTOM

    def at(value: float) -> float:
        return left + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (WIDTH - left - RIGHT)

    parts = []
    for tick in ticks:
        css = "grid zero" if tick == 0 else "grid"
        parts.append(f'<line class="{css}" x1="{at(tick):.1f}" x2="{at(tick):.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>')
        parts.append(f'<text x="{at(tick):.1f}" y="{height - 6}" text-anchor="middle">{_short(tick)}</text>')
    for i, (name, low, value, high, css) in enumerate(rows):
        y = TOP + gap * (i + 0.5)
        short = name if len(name) <= 20 else f"{name[:19]}…"
        parts.append(f'<text x="{left - 8}" y="{y + 3}" text-anchor="end">{text(short)}</text>')
        parts.append(f'<line class="bar {css}" x1="{at(low):.1f}" x2="{at(high):.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="pin {css}" cx="{at(value):.1f}" cy="{y}" r="3.2"/>')
    return figure(title, [], "".join(parts), height=height)


def interval_bars(rows: Sequence[tuple[str, float, float, float]], low: float, high: float, limit: float | None) -> str:
    """One bar with a dot per row (css class, low, value, high) on a common scale, with an optional limit mark."""
    width, gap = 180, 11
    height = gap * len(rows) + 3

    def at(value: float) -> float:
        return 4 + (min(max(value, low), high) - low) / (high - low) * (width - 8)

    parts = [f'<line class="grid" x1="{at(x):.1f}" x2="{at(x):.1f}" y1="0" y2="{height}"/>' for x in (low, 0.0, high)]
    if limit is not None:
        parts.append(f'<line class="limit" x1="{at(limit):.1f}" x2="{at(limit):.1f}" y1="0" y2="{height}"/>')
    for i, (css, start, value, end) in enumerate(rows):
        y = gap * (i + 0.5) + 1.5
        parts.append(f'<line class="bar {css}" x1="{at(start):.1f}" x2="{at(end):.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="pin {css}" cx="{at(value):.1f}" cy="{y}" r="3.2"/>')
    return f'<svg class="bars" viewBox="0 0 {width} {height}" width="{width}" height="{height}">{"".join(parts)}</svg>'


class Figure(str):
    """The markup of a chart with its title and legend, which can also be a file of its own."""

    heading: str
    names: Sequence[str]
    drawing: str
    height: int

    def alone(self) -> str:
        """The chart as an SVG file, in light colours, with its title and legend."""
        keys, x = "", 6
        for i, name in enumerate(self.names):
            keys += f'<text x="{x}" y="-9" class="dot c{i % 8}">■ {text(name)}</text>'
            x += 20 + 5 * len(name)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -{HEAD} {WIDTH} {self.height + HEAD}" '
            f'width="{3 * WIDTH}" height="{3 * (self.height + HEAD)}" font-family="sans-serif">'
            f"<style>{chart_style()} text.title {{ font-size: 11px; fill: #23262b; }}</style>"
            f'<rect y="-{HEAD}" width="{WIDTH}" height="{self.height + HEAD}" fill="#fff"/>'
            f'<text x="6" y="-24" class="title">{text(self.heading)}</text>{keys}{self.drawing}</svg>\n'
        )


def figure(
    title: str,
    names: Sequence[str],
    drawing: str,
    css: str = "",
    data: str = "",
    anchor: str = "",
    height: int = HEIGHT,
) -> Figure:
    """A chart with its title and legend; no legend for a single curve whose name is in the title. `data` are
    attributes of the drawing."""
    keys = "".join(f'<span class="key"><i class="c{i % 8}"></i>{text(name)}</span>' for i, name in enumerate(names))
    is_in_title = len(names) == 1 and names[0] in title.lower()
    legend = "" if is_in_title or not names else f'<div class="legend">{keys}</div>'
    svg = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{text(title)}"{data}>{drawing}</svg>'
    named = f' id="{text(anchor)}"' if anchor else ""
    made = Figure(f'<figure{named} class="{css}"><figcaption>{text(title)}</figcaption>{legend}{svg}</figure>')
    made.heading, made.names, made.drawing, made.height = title, () if is_in_title else names, drawing, height
    return made


def _read_by_hover(axes: Axes, lines: Mapping[str, Series]) -> str:
    """The numbers behind the curves, for hover.mjs."""
    return f' data-x0="{axes.x0:g}" data-x1="{axes.x1:g}" data-series="{_numbers(lines)}"'


def _saved_beside(edges: Mapping[str, tuple[Series, Series]]) -> str:
    """The edges of bands, which save.mjs writes beside the curves."""
    sides = {
        f"{name}, {side}": edge
        for name, both in edges.items()
        for side, edge in zip(("low", "high"), both, strict=True)
    }
    return f' data-bands="{_numbers(sides)}"' if any(sides.values()) else ""


def _numbers(lines: Mapping[str, Series]) -> str:
    series = {name: [(x, float(f"{y:.4g}")) for x, y in points] for name, points in lines.items()}
    return text(json.dumps(series, separators=(",", ":")))


def _read_by_log_scale(axes: Axes, lines: Mapping[str, Series]) -> str:
    """The axis and the smallest value, for logscale.mjs; nothing where a logarithmic scale shows no more."""
    values = [y for points in lines.values() for _, y in points]
    if min(values) <= 0 or max(values) < LOG_FROM * min(values):
        return ""
    return f' data-y0="{axes.y0:g}" data-y1="{axes.y1:g}" data-low="{min(values):.4g}"'


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers that cover [low, high] in about `count` intervals of 1, 2, 2.5 or 5 times a power of ten."""
    if not high - low > 1e-9 * max(1.0, abs(low), abs(high)):
        margin = max(abs(low), abs(high)) * 0.1
        margin = margin if margin > 1e-9 else 0.5
        low, high = (low - margin if low < 0 else max(0.0, low - margin)), high + margin
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _widened(points: Series, axes: Axes) -> Series:
    """A band of the stack; with one step only, it is widened to the whole chart."""
    if len(points) > 2:
        return points
    (_, low), (_, high) = points
    return [(axes.x0, low), (axes.x1, low), (axes.x1, high), (axes.x0, high)]


def _step_labels(axes: Axes) -> list[tuple[float, str]]:
    if axes.x1 - axes.x0 <= 1 and axes.x0 % 1:
        return [(axes.x0 + 0.5, f"step {axes.x0 + 0.5:g}")]
    middle = round((axes.x0 + axes.x1) / 2)
    labels = [(axes.x0, f"step {axes.x0:g}"), (float(middle), f"{middle}"), (axes.x1, f"{axes.x1:g}")]
    return labels if axes.x0 < middle < axes.x1 else [labels[0], labels[2]]


def _anchor(i: int, count: int) -> str:
    if count == 1:
        return "middle"
    return ("start", "middle", "end")[min(2, i if i < count - 1 else 2)]


def _short(value: float) -> str:
    """The label of a tick: `0.25`, `12`, `15k`, `1.5e−6`."""
    if abs(value) >= 10000:
        return f"{value / 1000:g}k"
    return f"{value:g}".replace("e-0", "e-").replace("-", "−")
