"""Settings from the environment. The defaults are the embedded laboratory on this computer."""

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MAX_SOCKET_PATH = 100  # bytes; the system's limit is 104 to 108


class Settings(BaseSettings):
    """Where everything is. Each field is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(env_prefix="", extra="ignore", frozen=True)

    dilution_lab_home: Path = Field(Path(".dilution-lab"), description="Database, broker files, logs, cache.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in the home folder.")
    redis_url: str = Field("", description="Broker; empty: the embedded server's socket in the home folder.")
    models_store: str = Field("models_store", description="Folder or fsspec URL (s3://, gs://) for artifacts.")
    host: str = "127.0.0.1"
    port: int = Field(8050, ge=1, le=65535)
    api_url: str = Field("http://127.0.0.1:8050", description="Where a dashboard that runs alone finds the API.")
    api_token: SecretStr | None = Field(None, description="Token with all rights; needed when host is not loopback.")
    api_tokens: SecretStr | None = Field(
        None, description="Further tokens, comma separated, each name:scope:secret; scope is read, submit or admin."
    )
    allowed_hosts: str = Field("", description="Further Host names that are accepted, comma separated.")
    lease_seconds: float = Field(15.0, gt=0, description="How long a claim lives without a heartbeat.")
    heartbeat_seconds: float = Field(1.0, gt=0, description="How often a worker renews its lease.")
    checkpoint_seconds: float = Field(20.0, gt=0, description="Longest work that a killed worker can lose.")

    @property
    def home(self) -> Path:
        """The home folder, absolute."""
        return self.dilution_lab_home.absolute()

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.home / 'lab.sqlite'}"

    @property
    def broker_socket(self) -> Path:
        """The embedded broker's Unix socket."""
        usual = self.home / "broker" / "valkey.sock"
        if len(os.fsencode(usual)) <= MAX_SOCKET_PATH:
            return usual
        short = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"dilution-lab-{os.getuid()}-{short}" / "valkey.sock"

    @property
    def redis(self) -> str:
        """The URL for redis-py."""
        return self.redis_url or f"unix://{self.broker_socket}"

    @property
    def celery_broker(self) -> str:
        """The URL for Celery."""
        return self.redis_url or f"redis+socket://{self.broker_socket}"


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
