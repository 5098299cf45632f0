"""Server-sent events: the stream's text to events."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from backend.contracts.messages import Event

PATH = "/api/v1/events"
RECONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class ReceivedEvent:
    """One event of the stream.

    Attributes:
        id: give it as `last_event_id` to continue after this event.
        event: what changed; None means that events were lost (the id was too old): fetch everything again.
    """

    id: str
    event: Event | None


@dataclass
class StreamParser:
    """Feeds on lines, gives events. Source: WHATWG HTML, section 9.2.6 (event stream interpretation)."""

    last_id: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, line: str) -> Iterator[ReceivedEvent]:
        """Take one line without its end; an empty line closes an event."""
        if line:
            self._take(*_split(line))
            return
        name, data = self._name, "\n".join(self._data)
        self._name, self._data = "", []
        if name == "reset":
            yield ReceivedEvent(self.last_id, None)
        elif data:
            yield ReceivedEvent(self.last_id, Event.model_validate_json(data))

    def _take(self, key: str, value: str) -> None:
        if key == "data":
            self._data.append(value)
        elif key == "event":
            self._name = value
        elif key == "id":
            self.last_id = value


def _split(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key, value.removeprefix(" ")
