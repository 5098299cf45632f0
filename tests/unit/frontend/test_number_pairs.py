import pytest

from frontend.number_pairs import format_pairs, parse_pairs


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("0:0.7", [(0.0, 0.7)]),
        ("0:0.7, 0.4:0.85", [(0.0, 0.7), (0.4, 0.85)]),
        (" 0 : 0.7;0.4:.85\n", [(0.0, 0.7), (0.4, 0.85)]),
    ],
)
def test_pairs_are_read_as_people_write_them(text, pairs):
    assert parse_pairs(text) == pairs


@pytest.mark.parametrize("text", ["0.7", "0:0.7:1", "0:", ":0.7", "0:0.7 0.4"])
def test_what_is_no_pair_is_named(text):
    with pytest.raises(ValueError, match="is not a pair: write p0:p"):
        parse_pairs(text)


def test_what_is_no_number_is_named():
    with pytest.raises(ValueError, match="'many' is not a number"):
        parse_pairs("0:many")


def test_pairs_come_back_from_their_text():
    pairs = [(0.0, 0.7), (0.4, 0.85), (0.125, 1.0)]
    assert format_pairs(pairs) == "0:0.7, 0.4:0.85, 0.125:1"
    assert parse_pairs(format_pairs(pairs)) == pairs
