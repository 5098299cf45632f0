"""Tables, the same everywhere: AG Grid in the page's theme."""

from typing import Any

import dash_ag_grid as dag

ROW_PIXELS = 42
FRAME_PIXELS = 66  # head, borders, and the bar for scrolling sideways


def column(field: str, title: str, **options: Any) -> dict[str, Any]:
    """A column. Options are AG Grid's (`width`, `flex`, `cellRenderer`)."""
    return {"field": field, "headerName": title, "tooltipField": field} | options


def height_of(num_rows: int, most: int = 15) -> int:
    """Pixels of a table with so many rows. It scrolls where there are more than `most`: others are not even made."""
    return FRAME_PIXELS + ROW_PIXELS * min(num_rows, most)


def table(identity: str, columns: list[dict[str, Any]], height: int, empty: str = "Nothing here yet") -> dag.AgGrid:
    """A table whose rows are known by their `id`, so that an update moves nothing."""
    options = {
        "animateRows": False,
        "enableCellTextSelection": True,
        "localeText": {"noRowsToShow": empty},
        "rowHeight": ROW_PIXELS,
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
        style={"height": height},
    )
