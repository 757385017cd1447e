"""Scores put together from partial answers."""

from prox_assets.engines.protocol import ScoreRequest
from prox_assets.engines.score_table import MAX_CHOSEN_TOKENS, ScoreQuery, ScoreTable

PROMPT = (10, 11, 12, 13)


def test_the_last_position_alone_takes_one_query_without_inner_positions() -> None:
    table = ScoreTable(ScoreRequest("r", PROMPT, (3,), (5, 6)))
    assert table.first_query() == ScoreQuery(PROMPT, (5, 6), inner=False)
    table.add(3, {5: -1.0, 6: -2.0, 7: -0.1})
    assert table.queries_for_missing() == []
    assert table.rows() == ((-1.0, -2.0),)


def test_an_inner_position_that_lacks_a_candidate_is_asked_again_at_the_end_of_a_shortened_prompt() -> None:
    table = ScoreTable(ScoreRequest("r", PROMPT, (0, 2), (5, 6)))
    assert table.first_query() == ScoreQuery(PROMPT, (), inner=True)
    table.add(0, {5: -1.0, 6: -2.0})
    table.add(2, {5: -3.0, 9: -0.5})
    assert table.queries_for_missing() == [ScoreQuery((10, 11, 12), (6,))]
    table.add(2, {6: -4.0})
    assert table.rows() == ((-1.0, -2.0), (-3.0, -4.0))


def test_rows_keep_the_order_and_the_repetitions_of_the_request() -> None:
    table = ScoreTable(ScoreRequest("r", PROMPT, (2, 0, 2), (6, 5, 6)))
    table.add(0, {5: -1.0, 6: -2.0})
    table.add(2, {5: -3.0, 6: -4.0})
    assert table.rows() == ((-4.0, -3.0, -4.0), (-2.0, -1.0, -2.0), (-4.0, -3.0, -4.0))


def test_many_candidates_are_asked_in_portions() -> None:
    candidates = tuple(range(MAX_CHOSEN_TOKENS + 2))
    table = ScoreTable(ScoreRequest("r", PROMPT, (3,), candidates))
    first = table.first_query()
    assert len(first.chosen_token_ids) == MAX_CHOSEN_TOKENS
    table.add(3, dict.fromkeys(first.chosen_token_ids, -1.0))
    assert table.queries_for_missing() == [ScoreQuery(PROMPT, candidates[-2:])]
