"""Pictures of a benchmark: critical differences, win rates, and score against time."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter
from report import normalised, pairwise_p, ranks, scores_by_set, title, win_rates
from scikit_posthocs import critical_difference_diagram
from scores import METRICS

_ACCENT, _PLAIN = "#c2410c", "#334155"
_STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 150,
    "savefig.bbox": "tight",
}


def save_pictures(results, folder, metrics=tuple(METRICS), focus="rfmcv"):
    """Three pictures for each metric that at least two models have; gives their paths."""
    folder, paths = Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for metric in metrics:
        scores = scores_by_set(results, metric)
        if scores.empty or scores.shape[1] < 2:
            continue
        seconds = results[results["set"].isin(scores.index)].groupby("model")["t_fit"].median()[scores.columns]
        with plt.rc_context(_STYLE):
            for name, figure in {
                "ranks": draw_ranks(scores, metric, focus),
                "wins": draw_wins(scores, metric, focus),
                "time": draw_time(scores, metric, seconds, focus),
            }.items():
                paths.append(folder / f"{metric}_{name}.png")
                figure.savefig(paths[-1])
                plt.close(figure)
    return paths


def draw_ranks(scores, metric, focus):
    """Critical-difference diagram: models on an axis of mean ranks, those that do not differ joined by a bar."""
    mean_ranks = ranks(scores, metric).mean()
    figure, axes = plt.subplots()
    critical_difference_diagram(
        mean_ranks,
        pairwise_p(scores),
        ax=axes,
        label_fmt_left="{label}  {rank:.2f} ",
        label_fmt_right=" {rank:.2f}  {label}",
        text_h_margin=0.04 * np.ptp(mean_ranks),
        color_palette={model: _colour(model, focus) for model in scores},
        crossbar_props={"color": _PLAIN, "linewidth": 2.5, "marker": "o", "markersize": 4, "alpha": 0.75},
        elbow_props={"linewidth": 1},
        marker_props={"s": 22, "clip_on": False},
    )
    axes.spines["top"].set_visible(True)
    levels = -axes.get_ylim()[0]
    figure.set_size_inches(7, 0.8 + 0.24 * levels)
    axes.set_xlim(max(np.floor(mean_ranks.min() - 0.1), 1), np.ceil(mean_ranks.max() + 0.1))
    axes.set_ylim(-levels, 0)
    axes.set_title(
        f"{title(scores, metric)}\nmean rank, 1 is best; joined: no difference at 5 % (Wilcoxon, Holm)", pad=12
    )
    return figure


def draw_wins(scores, metric, focus):
    """Matrix of win rates in per cent, the best mean rank first."""
    order = ranks(scores, metric).mean().sort_values().index
    wins = 100 * win_rates(scores, metric).loc[order, order].to_numpy()
    np.fill_diagonal(wins, np.nan)
    size = 1.6 + 0.52 * len(order)
    figure, axes = plt.subplots(figsize=(size, size), layout="constrained")
    axes.imshow(wins, cmap="RdBu", vmin=0, vmax=100)
    for (i, j), value in np.ndenumerate(wins):
        if i != j:
            axes.text(
                j, i, f"{value:.0f}", ha="center", va="center", color="white" if abs(value - 50) > 30 else "black"
            )
    axes.set_xticks(range(len(order)), order, rotation=45, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(order)), order)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_color(_colour(label.get_text(), focus))
    axes.spines[:].set_visible(False)
    axes.set_title(f"{metric}, {len(scores)} sets: wins of the row\nover the column, %", pad=8)
    return figure


def draw_time(scores, metric, seconds, focus):
    """Mean normalised score against the median time of a fit."""
    height = normalised(scores, metric).mean()
    figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    axes.set_xscale("log")
    axes.scatter(seconds, height, s=36, color=[_colour(model, focus) for model in scores], zorder=3)
    axes.margins(0.14, 0.1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    narrow = seconds.max() < 10 * seconds.min()
    axes.xaxis.set_minor_formatter((lambda value, _: f"{value:.1g}") if narrow else NullFormatter())
    axes.grid(alpha=0.25)
    axes.set(xlabel="median fit, seconds", ylabel="mean normalised score")
    axes.set_title(f"{metric}, {len(scores)} sets: 1 is the best model of a set, 0 the worst")
    figure.canvas.draw()
    _label_points(axes, seconds, height, focus)
    return figure


def _label_points(axes, x, y, focus):
    # Each label goes to the first of some places around its point where it covers no point and no other label.
    points = axes.transData.transform(np.column_stack([x, y]))
    places = [(dx, dy) for far in (7, 14, 21, 28) for dx, dy in ((far, 0), (-far, 0), (0, far), (0, -far),
              (far, far), (-far, far), (far, -far), (-far, -far))]  # fmt: skip
    taken = []
    for i in np.argsort(-points[:, 1]):
        for dx, dy in places:
            label = axes.annotate(
                x.index[i],
                (x.iloc[i], y.iloc[i]),
                (dx, dy),
                textcoords="offset points",
                ha={1: "left", 0: "center", -1: "right"}[np.sign(dx)],
                va={1: "bottom", 0: "center", -1: "top"}[np.sign(dy)],
                color=_colour(x.index[i], focus),
            )
            box = label.get_window_extent()
            if not box.count_overlaps(taken) and not any(box.padded(7).contains(*point) for point in points):
                break
            label.remove()
        else:
            axes.add_artist(label)
        taken.append(box)


def _colour(model, focus):
    return _ACCENT if model == focus else _PLAIN
