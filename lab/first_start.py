"""Make the database ready: `python -m lab.first_start`. Safe to run at every start.

Migrates and registers the starter zoo; on the first start only, submits the demo study.
"""

from pathlib import Path

from backend.services.first_start import submit_demo
from backend.services.laboratory import open_laboratory
from backend.services.zoo import register_zoo
from backend.settings import Settings, settings
from backend.storage.migrate import migrate

ZOO = Path(__file__).parent.parent / "models_store" / "zoo"


def prepare(own: Settings) -> None:
    """Bring the database to this version and put the first things on the shelves."""
    own.home.mkdir(parents=True, exist_ok=True)
    migrate(own.database)
    laboratory = open_laboratory(own)
    register_zoo(laboratory, ZOO)
    submit_demo(laboratory)
    laboratory.database.dispose()


if __name__ == "__main__":
    prepare(settings())
