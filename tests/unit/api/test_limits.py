from backend.api.limits import RateLimit


async def nothing(*_: object) -> None: ...


def test_a_burst_then_a_steady_pace() -> None:
    limit = RateLimit(nothing, burst=3, per_second=2.0)
    assert [limit.wait_seconds("a", 100.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limit.wait_seconds("a", 100.0) == 0.5
    assert limit.wait_seconds("b", 100.0) == 0.0, "clients are counted one by one"
    assert limit.wait_seconds("a", 100.25) == 0.25
    assert limit.wait_seconds("a", 100.5) == 0.0
    assert limit.wait_seconds("a", 100.5) > 0.0


def test_a_long_silence_fills_the_burst_and_no_more() -> None:
    limit = RateLimit(nothing, burst=2, per_second=1.0)
    assert limit.wait_seconds("a", 0.0) == 0.0
    assert [limit.wait_seconds("a", 1000.0) for _ in range(3)] == [0.0, 0.0, 1.0]


def test_many_addresses_do_not_fill_the_memory() -> None:
    limit = RateLimit(nothing, burst=1, per_second=1.0)
    for number in range(10_500):
        limit.wait_seconds(str(number), 0.0)
    assert len(limit._buckets) == 10_000
