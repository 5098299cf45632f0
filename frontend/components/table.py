"""Tables, the same everywhere: AG Grid in the page's theme."""

from typing import Any

import dash_ag_grid as dag


def column(field: str, title: str, **options: Any) -> dict[str, Any]:
    """A column. Options are AG Grid's (`width`, `flex`, `cellRenderer`)."""
    return {"field": field, "headerName": title, "tooltipField": field} | options


def table(
    identity: str, columns: list[dict[str, Any]], height: int | None = None, empty: str = "Nothing here yet"
) -> dag.AgGrid:
    """A table whose rows are known by their `id`, so that an update moves nothing. `height` None: as many as rows."""
    options = {
        "animateRows": False,
        "domLayout": "normal" if height else "autoHeight",
        "enableCellTextSelection": True,
        "localeText": {"noRowsToShow": empty},
        "rowHeight": 42,
        "suppressCellFocus": True,
        "theme": {"function": "themeQuartz.withParams({accentColor: 'var(--accent)', backgroundColor: 'var(--card)', "
                  "foregroundColor: 'var(--mantine-color-text)', borderColor: 'var(--line)', fontFamily: 'inherit', "
                  "headerBackgroundColor: 'var(--page)', cellHorizontalPadding: 8, wrapperBorderRadius: '10px'})"},
        "tooltipShowDelay": 600,
    }  # fmt: skip
    return dag.AgGrid(
        id=identity,
        columnDefs=columns,
        rowData=None,
        defaultColDef={"sortable": True, "resizable": True},
        dashGridOptions=options,
        getRowId="params.data.id",
        style={"height": height} if height else {},
    )
