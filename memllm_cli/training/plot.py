"""A curve as SVG, for a look at how a run went."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, MARGIN = 640, 320, 48


def curve(points: Sequence[tuple[float, float]], title: str) -> str:
    """A line through (step, value) points, with the lowest and highest values written at the axes."""
    if not points:
        points = [(0.0, 0.0)]
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)

    def place(x: float, y: float) -> str:
        across = MARGIN + (x - left) / ((right - left) or 1) * (WIDTH - 2 * MARGIN)
        down = HEIGHT - MARGIN - (y - low) / ((high - low) or 1) * (HEIGHT - 2 * MARGIN)
        return f"{across:.1f},{down:.1f}"

    line = " ".join(place(x, y) for x, y in points)
    frame = f"M{MARGIN},{MARGIN} V{HEIGHT - MARGIN} H{WIDTH - MARGIN}"
    labels = [
        (MARGIN, MARGIN - 16, "start", title), (MARGIN - 6, MARGIN + 4, "end", f"{high:.3g}"),
        (MARGIN - 6, HEIGHT - MARGIN, "end", f"{low:.3g}"), (MARGIN, HEIGHT - MARGIN + 18, "start", f"{left:g}"),
        (WIDTH - MARGIN, HEIGHT - MARGIN + 18, "end", f"step {right:g}"),
    ]  # fmt: skip
    texts = "".join(f'<text x="{x}" y="{y}" text-anchor="{a}">{escape(t)}</text>' for x, y, a, t in labels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/><path d="{frame}" fill="none" stroke="#888"/>'
        f'<polyline points="{line}" fill="none" stroke="#06c" stroke-width="1.5"/>{texts}</svg>\n'
    )
