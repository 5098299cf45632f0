import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.number_lists import MAX_VALUES, format_numbers, parse_numbers

fractions = st.decimals(min_value=0, max_value=1, places=4).map(float)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0, 0.2, 0.4", [0.0, 0.2, 0.4]),
        ("0 0.2;0.4", [0.0, 0.2, 0.4]),
        ("0:0.3:0.1", [0.0, 0.1, 0.2, 0.3]),
        ("0 : 0.95 : 0.05", [round(0.05 * step, 2) for step in range(20)]),
        ("0.5:0:-0.25", [0.5, 0.25, 0.0]),
        ("0.1, 0.4:0.6:0.1, 0.98", [0.1, 0.4, 0.5, 0.6, 0.98]),
        ("1e-1", [0.1]),
        ("0:0.25:0.1", [0.0, 0.1, 0.2]),
        ("", []),
    ],
)
def test_lists_and_ranges_are_read(text, values):
    assert parse_numbers(text) == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0, a", "'a' is not a number"),
        ("nan", "'nan' is not a number"),
        ("inf", "is not a number"),
        ("0:1", "start:stop:step"),
        ("0:1:0", "never reaches its stop"),
        ("0:1:-0.1", "never reaches its stop"),
        ("0:1:0.0000001", "at most 1000"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_is_allowed(text, said):
    with pytest.raises(ValueError, match=said):
        parse_numbers(text)


@given(st.lists(fractions, max_size=30))
def test_what_is_shown_is_read_back(values):
    assert parse_numbers(format_numbers(values)) == values


@given(fractions, st.integers(1, 500), st.integers(1, 100))
def test_even_steps_become_a_range_and_come_back(start, count, step):
    values = [round(start + index * step / 1000, 6) for index in range(count)]
    text = format_numbers(values)
    assert parse_numbers(text) == values
    assert (":" in text) == (count > 3)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_and_never_too_long(text):
    try:
        values = parse_numbers(text)
    except ValueError:
        return
    assert len(values) <= MAX_VALUES
