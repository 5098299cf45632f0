"""Machines in the plane, or the space, of their first principal components (paper, figure 6)."""

from collections.abc import Mapping

import plotly.graph_objects as go

from backend.contracts.grid import FROZEN
from backend.contracts.results import MachinePoint, Panel
from frontend import machine_classes
from frontend.explorer.address import explorer_at
from frontend.theme import PALETTES, Scheme, template


def panel_figure(
    panel: Panel, scheme: Scheme, machines: Mapping[str, str], pruning: float, *, space: bool = False
) -> go.Figure:
    """One panel: a point for each machine, colour and symbol by class.

    Args:
        panel: coordinates of the machines of three classes.
        scheme: theme.
        machines: machine ids by cell id, so that a click leads to the machine.
        pruning: where frozen machines were pruned; their address says so.
        space: three components instead of two.
    """
    figure = go.Figure()
    for name in machine_classes.ordered(point.machine_class for point in panel.points):
        points = [point for point in panel.points if point.machine_class == name]
        label = machine_classes.label(name)
        axes = list(zip(*(_padded(point) for point in points), strict=True))
        trace = {
            "x": list(axes[0]),
            "y": list(axes[1]),
            "mode": "markers",
            "name": f"{label} (n = {len(points)})",
            "marker": {
                "color": machine_classes.colour(name, scheme),
                "symbol": machine_classes.symbol(name),
                "size": 6 if space else 10,
                "line": {"width": 1, "color": PALETTES[scheme].surface},
            },
            "customdata": [[f"replica {one.replica}", _address(one, machines, pruning)] for one in points],
            "hovertemplate": f"<b>{label}</b><br>%{{customdata[0]}}<br>%{{x:.3~g}}, %{{y:.3~g}}<extra></extra>",
        }
        figure.add_trace(go.Scatter3d(**trace, z=list(axes[2])) if space else go.Scatter(**trace))
    _lay_out(figure, panel, scheme)
    return figure


def component_title(panel: Panel, index: int) -> str:
    """An axis: its component, and the part of the variance that it explains."""
    ratios = panel.explained_variance_ratio
    ratio = ratios[index] if index < len(ratios) else None
    return f"PC {index + 1}" + ("" if ratio is None else f" ({100 * ratio:.0f} %)")


def _padded(point: MachinePoint) -> list[float]:
    # With two machines there is one component only.
    return [*point.coordinates, 0.0, 0.0, 0.0][:3]


def _address(point: MachinePoint, machines: Mapping[str, str], pruning: float) -> str | None:
    machine = machines.get(point.cell_id)
    if machine is None:
        return None
    return explorer_at(machine, pruning if point.machine_class == FROZEN else None)


def _lay_out(figure: go.Figure, panel: Panel, scheme: Scheme) -> None:
    palette = PALETTES[scheme]
    titles = [component_title(panel, index) for index in range(3)]
    axis = {
        "backgroundcolor": palette.surface,
        "gridcolor": palette.grid,
        "color": palette.muted,
        "nticks": 5,
        "tickfont": {"size": 10},
    }
    figure.update_layout(
        template=template(scheme),
        xaxis_title=titles[0],
        yaxis_title=titles[1],
        xaxis_zeroline=True,
        yaxis_zeroline=True,
        xaxis_zerolinecolor=palette.grid,
        yaxis_zerolinecolor=palette.grid,
        scene={
            name: {**axis, "title": {"text": title, "font": {"size": 11}}}
            for name, title in zip(("xaxis", "yaxis", "zaxis"), titles, strict=True)
        },
        scene_camera_eye={"x": 1.6, "y": 1.6, "z": 1.1},
        hovermode="closest",
        uirevision="keep",
    )
