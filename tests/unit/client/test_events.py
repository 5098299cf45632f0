from backend.client.events import ReceivedEvent, StreamParser
from backend.contracts.messages import Event

JOB = '{"kind": "job", "id": "a"}'


def parsed(text: str, parser: StreamParser | None = None) -> list[ReceivedEvent]:
    parser = parser or StreamParser()
    return [event for line in text.split("\n") for event in parser.feed(line)]


def test_events_with_ids() -> None:
    text = f"id: 1-0\ndata: {JOB}\n\nid:2-0\ndata:{JOB}\n\n"
    assert parsed(text) == [ReceivedEvent(name, Event(kind="job", id="a")) for name in ("1-0", "2-0")]


def test_data_on_several_lines_is_one() -> None:
    assert parsed('data: {"kind": "job",\ndata: "id": "a"}\n\n') == [ReceivedEvent("", Event(kind="job", id="a"))]


def test_comments_and_unknown_fields_are_nothing() -> None:
    assert parsed(": ping\n\nretry: 1000\n\nfuture: x\n\n") == []


def test_an_event_that_was_cut_is_not_given() -> None:
    parser = StreamParser("0-1")
    assert parsed(f"id: 5-0\ndata: {JOB}", parser) == []


def test_a_reset_says_that_events_are_lost() -> None:
    assert parsed("event: reset\nid: 7-0\ndata: {}\n\n") == [ReceivedEvent("7-0", None)]


def test_a_name_belongs_to_one_event() -> None:
    assert [one.event is None for one in parsed(f"event: reset\ndata: {{}}\n\ndata: {JOB}\n\n")] == [True, False]
