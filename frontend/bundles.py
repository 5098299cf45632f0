"""Large scripts that no page waits for: `assets/packages.js` loads them where they are needed, from these addresses."""

from pathlib import Path
from types import ModuleType

import dash
import dash_ag_grid
import plotly
from dash.fingerprint import build_fingerprint

AG_GRID, PLOTLY = "dash_ag_grid.min.js", "package_data/plotly.min.js"
AG_GRID_COMMUNITY = "async-community.js"  # AG Grid itself; the bundle is its component
GRAPH = "dcc/async-graph.js"  # Dash's component, which it asks for when it draws the first figure
PLOTLY_BASIC = "plotly/plotly-basic.min.js"  # what all figures but those in three dimensions need
ASSETS = Path(__file__).parent / "assets"


def leave_out_of_pages() -> str:
    """Take AG Grid out of the scripts of every page (Plotly never is there); tags that name their addresses."""
    bundle = next(resource for resource in dash_ag_grid._js_dist if resource["relative_package_path"] == AG_GRID)
    bundle["async"] = "lazy"
    addresses = {
        "ag-grid": _address(dash_ag_grid, AG_GRID),
        "ag-grid-community": _address(dash_ag_grid, AG_GRID_COMMUNITY),
        "graph": _address(dash, GRAPH),
        "plotly": _address(plotly, PLOTLY),
        "plotly-basic": f"/assets/{PLOTLY_BASIC}?m={(ASSETS / PLOTLY_BASIC).stat().st_mtime}",
    }
    return "\n".join(f'<meta name="{name}" content="{address}">' for name, address in addresses.items())


def _address(package: ModuleType, file: str) -> str:
    """Where Dash serves a file of a package, with a fingerprint, so that browsers keep it."""
    modified = int((Path(str(package.__file__)).parent / file).stat().st_mtime)
    return f"/_dash-component-suites/{package.__name__}/{build_fingerprint(file, package.__version__, modified)}"
