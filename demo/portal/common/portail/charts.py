"""The geometry of the charts; `templates/charts.html` draws them as SVG."""

from dataclasses import dataclass
from math import ceil, floor, log10

WIDTH, HEIGHT = 720.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 8.0, 14.0, 30.0


@dataclass(frozen=True)
class Bar:
    """One bar, in the drawing's units."""

    label: str
    value: float
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Tick:
    """One line across the drawing, with the value that it stands for."""

    value: float
    y: float


@dataclass(frozen=True)
class BarChart:
    """A drawing of WIDTH by HEIGHT."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    baseline: float = HEIGHT - BOTTOM


def bar_chart(points: list[tuple[str, float]]) -> BarChart:
    """Bars of equal width, on a scale that begins at zero and ends at a round number."""
    top = round_up(max((value for _, value in points), default=1.0))
    room = HEIGHT - TOP - BOTTOM
    step = (WIDTH - LEFT - RIGHT) / max(len(points), 1)
    bars = tuple(
        Bar(
            label,
            value,
            x=LEFT + step * (index + 0.16),
            y=HEIGHT - BOTTOM - room * value / top,
            width=step * 0.68,
            height=room * value / top,
        )
        for index, (label, value) in enumerate(points)
    )
    ticks = tuple(Tick(top * part / 4, HEIGHT - BOTTOM - room * part / 4) for part in range(5))
    return BarChart(bars, ticks)


def round_up(value: float) -> float:
    """The first of 1, 2, 4, 6, 8 or 10 times a power of ten that is not below `value` (1 for nothing)."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    factor = next(factor for factor in (1, 2, 4, 6, 8, 10) if factor >= min(ceil(value / power), 10))
    return factor * power
