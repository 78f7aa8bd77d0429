"""Expressions that say the same are one."""

from hypothesis import given
from hypothesis import strategies as st

from synres.domain.prompts import clean_expression, composite_prompt, distinct_expressions, expression_key

texts = st.lists(st.sampled_from(["red", "blue", "cup", "mug", "the", "left", "small"]), max_size=5).map(
    " ".join
)


def test_exact_and_near_duplicates_are_dropped_in_order():
    """Case, spacing, full stops and word order make no new expression; a changed word out of three does."""
    candidates = ["The red  cup.", "the red cup", "cup red the", "", "...", "the blue cup", "a mug", "a jug"]
    assert distinct_expressions(candidates, 3) == ["The red cup", "the blue cup", "a mug"]


def test_the_limit_of_near_is_seven_tenths():
    """Seven words of ten in common are still two expressions; eight of ten are one."""
    ten = [f"w{i}" for i in range(10)]
    assert len(distinct_expressions([" ".join(ten), " ".join(ten[:7])], 2)) == 2
    assert len(distinct_expressions([" ".join(ten), " ".join(ten[:8])], 2)) == 1


def test_composed_and_decomposed_letters_are_one():
    """Text is NFC, and control characters are spaces."""
    assert clean_expression(" cafe\u0301\n cup\x00 ") == "caf\u00e9 cup"
    assert expression_key("The CAFE\u0301-cup!") == "the caf\u00e9 cup"


@given(st.lists(texts, max_size=8), st.integers(0, 5))
def test_distinct_expressions_are_distinct_and_stable(candidates, n):
    """At most n, in the order of the candidates, and choosing again changes nothing."""
    chosen = distinct_expressions(candidates, n)
    assert len(chosen) <= n
    assert distinct_expressions(chosen, n) == chosen
    places = [[clean_expression(c) for c in candidates].index(expression) for expression in chosen]
    assert places == sorted(places)


def test_composite_prompt_joins_all():
    """Nothing is left out of the prompt."""
    assert composite_prompt(["the red cup", "a cup on the left"]) == "the red cup, a cup on the left"
