"""Eigenvalues of W^T W in descending order, beside those of random entries, and where they cross (paper, figure 4b)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from backend.contracts.results import CrossingResult, SpectrumResult, SpectrumSeries
from frontend.plots.bands import Band
from frontend.plots.curves import POWERS_SIZE
from frontend.theme import PALETTES, Scheme, colour_of, rgb, template, translucent


@dataclass(frozen=True)
class SpectrumView:
    """How spectra are shown. `log_x`: modes on a logarithmic axis too."""

    band: Band = "std"
    log_x: bool = True
    scheme: Scheme = "light"


def spectra_figure(result: SpectrumResult, view: SpectrumView) -> go.Figure:
    """Mean and band over replicas for each p0, Marchenko-Pastur dashed, and the mode where the curves cross.

    Eigenvalues that are 0 have no place on a logarithmic axis and are left out.
    """
    figure = go.Figure()
    ranks = [one.initial_dilution for one in result.series]
    for one in result.series:
        _add_spectrum(figure, one, view, colour_of(one.initial_dilution, ranks, view.scheme))
    values = [value for one in result.series for value in (*one.mean, *one.marchenko_pastur) if value > 0]
    if result.crossing.index is not None and values:
        _add_crossing(figure, result.crossing, (min(values), max(values)), view.scheme)
    figure.update_layout(
        template=template(view.scheme),
        xaxis_title="mode, greatest eigenvalue first",
        yaxis_title="eigenvalue of W<sup>T</sup>W",
        xaxis_type="log" if view.log_x else "linear",
        yaxis_type="log",
        yaxis_exponentformat="power",
        yaxis_tickfont_size=POWERS_SIZE,
        yaxis_dtick=1,
        yaxis_minor={"ticks": "outside", "ticklen": 2},
        **({"xaxis_dtick": 1, "xaxis_minor": {"ticks": "outside", "ticklen": 2}} if view.log_x else {}),
        hovermode="closest",
        uirevision="keep",
    )
    return figure


def crossing_words(crossing: CrossingResult) -> str:
    """Where the spectra cross, or why they do not."""
    if crossing.index is None:
        return f"no crossing: {crossing.reason or 'the order of the spectra does not turn'}"
    low, high = crossing.interval.low, crossing.interval.high
    interval = "" if low is None or high is None else f" (95 % CI {low:g} to {high:g})"
    return f"crossing at mode {crossing.index}{interval}"


def edges_of(series: SpectrumSeries, band: Band) -> tuple[list[float], list[float]]:
    """Lower and upper edges of the band of every mode: standard deviation, or lowest and highest replica."""
    if band == "range":
        return series.lowest, series.highest
    width = [value or 0.0 for value in series.std]
    low = [mean - one for mean, one in zip(series.mean, width, strict=True)]
    return low, [mean + one for mean, one in zip(series.mean, width, strict=True)]


def _add_spectrum(figure: go.Figure, series: SpectrumSeries, view: SpectrumView, colour: str) -> None:
    group = f"{series.initial_dilution:g}"
    name = f"p<sub>0</sub> = {group} (n = {series.num_replicas})"
    if view.band != "none":
        _add_band(figure, series, view.band, colour)
    for label, values, dash in ((name, series.mean, "solid"), (f"random, {group}", series.marchenko_pastur, "dash")):
        points = list(_positive(values))
        figure.add_scatter(
            x=[mode for mode, _ in points],
            y=[value for _, value in points],
            mode="lines",
            name=label,
            legendgroup=group,
            showlegend=dash == "solid",
            line={"color": colour, "width": 2 if dash == "solid" else 1.3, "dash": dash},
            hovertemplate=f"<b>{label}</b><br>mode %{{x}}<br>%{{y:.3~g}}<extra></extra>",
        )


def _add_band(figure: go.Figure, series: SpectrumSeries, band: Band, colour: str) -> None:
    low, high = edges_of(series, band)
    # An edge at or below zero is drawn far below the mean.
    kept = [
        (mode, max(bottom, mean / 100), top)
        for mode, (bottom, mean, top) in enumerate(zip(low, series.mean, high, strict=True), start=1)
        if mean > 0
    ]
    modes = [mode for mode, _, _ in kept]
    figure.add_scatter(
        x=[*modes, *reversed(modes)],
        y=[*(top for _, _, top in kept), *reversed([bottom for _, bottom, _ in kept])],
        fill="toself",
        fillcolor=translucent(colour, 0.18),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        legendgroup=f"{series.initial_dilution:g}",
        name="band",
    )


def _add_crossing(figure: go.Figure, crossing: CrossingResult, height: tuple[float, float], scheme: Scheme) -> None:
    muted, (bottom, top) = rgb(PALETTES[scheme].muted), height
    low, high = crossing.interval.low, crossing.interval.high
    if low is not None and high is not None and high > low:
        figure.add_scatter(
            x=[low, high, high, low], y=[bottom, bottom, top, top], fill="toself", mode="lines", name="band",
            fillcolor=translucent(muted, 0.2), line={"width": 0}, hoverinfo="skip", showlegend=False,
            legendgroup="crossing",
        )  # fmt: skip
    name = crossing_words(crossing)
    figure.add_scatter(
        x=[crossing.index, crossing.index], y=[bottom, top], mode="lines", name=name, legendgroup="crossing",
        line={"color": muted, "width": 1.5, "dash": "dot"}, hovertemplate=f"{name}<extra></extra>",
    )  # fmt: skip


def _positive(values: Sequence[float]) -> Iterator[tuple[int, float]]:
    yield from ((mode, value) for mode, value in enumerate(values, start=1) if value > 0)
