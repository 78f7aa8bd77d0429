"""Nouns grow broader, unless the expression would then fit another object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres.domain.superclass import Replacement, known_words, noun_spans, replace_superclass
from synres.errors import InvalidInput

TABLE = {
    "van": "vehicle",
    "car": "vehicle",
    "vans": "vehicles",
    "apple": "fruit",
    "hammer": "tool",
    "fruit": "object",
}


def replaced(expression, noun, others=(), probability=1.0, seed=0):
    start = expression.index(noun)
    return replace_superclass(expression, [(start, start + len(noun))], TABLE, probability, seed, others)


def test_the_noun_is_replaced_in_place():
    """Only the span changes, whatever its case."""
    assert replaced("the red Van on the left", "Van") == Replacement("the red vehicle on the left", 1, 0)


def test_the_article_follows_the_noun():
    """An apple becomes a fruit, a fruit an object; an adjective between keeps its article."""
    assert replaced("an apple", "apple").expression == "a fruit"
    assert replaced("a fruit", "fruit").expression == "an object"
    assert replaced("an old apple", "apple").expression == "an old fruit"


def test_several_nouns_keep_their_places():
    """Spans count in the original expression."""
    expression = "the hammer beside the van"
    spans = [(expression.index(noun), expression.index(noun) + len(noun)) for noun in ("hammer", "van")]
    assert replace_superclass(expression, spans, TABLE, 1.0, 0).expression == "the tool beside the vehicle"


def test_a_replacement_that_fits_another_object_is_refused():
    """With a red car in the picture, "the red vehicle" would name two objects."""
    assert replaced("the red van", "van", [("car", "the small red car")]) == Replacement("the red van", 0, 1)
    assert replaced("the red vans", "vans", [("car", "two red cars")]) == Replacement("the red vans", 0, 1)


def test_an_object_that_is_told_apart_does_not_refuse():
    """A blue car, or a red apple, is no red vehicle."""
    others = [("car", "the blue car"), ("apple", "the red apple"), ("carpet", "the red carpet")]
    assert replaced("the red van", "van", others) == Replacement("the red vehicle", 1, 0)


def test_a_bare_noun_is_refused_beside_its_kin():
    """ "the van" says nothing else, so any other vehicle refuses it."""
    assert replaced("the van", "van", [("car", "")]).refused == 1


def test_nouns_are_found_as_whole_words_longest_first():
    """A hot dog is no dog, a carpet no car; case is kept."""
    table = {"hot dog": "food", "dog": "animal", "car": "vehicle", "cars": "vehicles", "t-shirt": "garment"}
    text = "the Hot Dog on the carpet beside two cars and a T-shirt"
    assert [text[a:b] for a, b in noun_spans(text, table)] == ["Hot Dog", "cars", "T-shirt"]


def test_known_words_reach_every_broader_noun():
    """An apple is a fruit and an object; nouns of several words and plurals count; a circle ends."""
    assert known_words(["van", "two red vans"], TABLE) == {"van", "two", "red", "vehicle"}
    assert known_words(["apple"], TABLE) == {"apple", "fruit", "object"}
    table = {"hot dog": "food", "dog": "animal", "animal": "dog"}
    assert known_words(["hot dogs"], table) == {"hot", "dog", "food"}
    assert known_words(["dog"], table) == {"dog", "animal"}


def test_a_noun_of_several_words_refuses():
    """Beside a red fire hydrant, "the red sign" may not become "the red street object"."""
    table = {"sign": "street object", "fire hydrant": "street object"}
    found = replace_superclass("the red sign", [(8, 12)], table, 1.0, 0, [("", "the red fire hydrant")])
    assert found == Replacement("the red sign", 0, 1)


def test_nouns_outside_the_table_stay():
    """No entry, no replacement and no refusal."""
    assert replaced("the red cup", "cup") == Replacement("the red cup", 0, 0)


def test_probability_is_met_and_seeded():
    """About p of the seeds replace; 0 never does; the same seed always says the same."""
    drawn = [replaced("the van", "van", probability=0.3, seed=seed).replaced for seed in range(2000)]
    assert 0.26 < sum(drawn) / 2000 < 0.34
    assert drawn == [replaced("the van", "van", probability=0.3, seed=seed).replaced for seed in range(2000)]
    assert not any(replaced("the van", "van", probability=0.0, seed=seed).replaced for seed in range(50))


@given(
    st.lists(st.sampled_from(["red", "van", "the", "apple", "left", "car"]), min_size=1, max_size=6),
    st.integers(0, 99),
)
def test_words_outside_the_spans_never_change(words, seed):
    """Each word that is no marked noun is where it was."""
    expression, spans, at = " ".join(words), [], 0
    for word in words:
        if word in ("van", "car"):
            spans.append((at, at + len(word)))
        at += len(word) + 1
    result = replace_superclass(expression, spans, TABLE, 0.5, seed)
    found = result.expression.split()
    assert [w for w in found if w != "vehicle"] == [
        w for w, f in zip(words, found, strict=True) if f != "vehicle"
    ]
    assert found.count("vehicle") == result.replaced


@pytest.mark.parametrize("spans", [[(0, 99)], [(-1, 2)], [(2, 2)], [(0, 5), (4, 7)]])
def test_impossible_spans_are_refused(spans):
    """Outside the expression, empty, or overlapping."""
    with pytest.raises(InvalidInput, match="noun span"):
        replace_superclass("the red van", spans, TABLE, 1.0, 0)


def test_an_impossible_probability_is_refused():
    """A probability lies in [0, 1]."""
    with pytest.raises(InvalidInput, match="probability"):
        replaced("the van", "van", probability=1.5)
