"""Incidents begin and end once, whatever order and however often events come."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.monitoring.drift.settings import Severity
from prox_assets.orchestration.alerts.incidents import MAX_OPEN, Event, Failure, Kind, Recovery, Subject, incidents

CHECK = Subject(Kind.FAILED_CHECK, "town/refined_shards", "schema", "a")
OTHER = replace(CHECK, partition="b")


def failure(id_: int, subject: Subject = CHECK, severity: Severity = Severity.ERROR) -> Failure:
    return Failure(subject, severity, id_, f"run-{id_}", float(id_), f"message {id_}")


def recovery(id_: int, subject: Subject = CHECK) -> Recovery:
    return Recovery(subject, id_, float(id_), "passed")


def test_a_failure_opens_an_incident_and_a_second_one_does_not():
    first = incidents({}, [failure(1)])
    second = incidents(first.state, [failure(2)])
    assert [item.storage_id for item in first.opened] == [1]
    assert (second.opened, second.closed) == ([], [])
    assert second.state[CHECK].at == 1.0, "it began when it began"
    assert second.state[CHECK].message == "", "what has been told is not kept"


def test_a_recovery_ends_it_and_a_second_one_does_not():
    state = incidents({}, [failure(1)]).state
    over = incidents(state, [recovery(2)])
    [closed] = over.closed
    assert (closed.failure.at, closed.at, closed.reason, over.state) == (1.0, 2.0, "passed", {})
    assert incidents(over.state, [recovery(3)]).closed == []


def test_a_recovery_that_is_older_than_the_last_failure_ends_nothing():
    state = incidents({}, [failure(1), failure(5)]).state
    assert incidents(state, [recovery(4)]).state.keys() == {CHECK}


def test_what_begins_and_ends_between_two_looks_is_told_as_both():
    changes = incidents({}, [recovery(2), failure(1)])
    assert (len(changes.opened), len(changes.closed), changes.state) == (1, 1, {})


def test_subjects_do_not_disturb_one_another():
    changes = incidents({}, [failure(1), failure(2, OTHER), recovery(3, OTHER)])
    assert changes.state.keys() == {CHECK}
    assert {item.failure.subject for item in changes.closed} == {OTHER}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (Severity.WARN, Severity.ERROR, [Severity.ERROR]),
        (Severity.ERROR, Severity.WARN, []),
        (Severity.WARN, Severity.WARN, []),
    ],
)
def test_an_incident_is_told_again_only_when_it_gets_worse(before: Severity, after: Severity, told: list[Severity]):
    state = incidents({}, [failure(1, severity=before)]).state
    changes = incidents(state, [failure(2, severity=after)])
    assert [item.severity for item in changes.opened] == told
    assert incidents(changes.state, [failure(3, severity=after)]).opened == []


def test_more_incidents_than_can_be_followed_are_counted():
    many = [failure(number, replace(CHECK, partition=str(number))) for number in range(MAX_OPEN + 7)]
    changes = incidents({}, many)
    assert (len(changes.opened), len(changes.state), changes.untracked) == (MAX_OPEN, MAX_OPEN, 7)
    again = incidents(changes.state, [replace(item, again=True) for item in many])
    assert (again.opened, again.untracked) == ([], 0)


EVENTS = st.lists(
    st.builds(
        lambda id_, subject, fails: failure(id_, subject) if fails else recovery(id_, subject),
        st.integers(1, 40),
        st.sampled_from([CHECK, OTHER]),
        st.booleans(),
    ),
    unique_by=lambda event: event.storage_id,
    max_size=20,
)


@given(events=EVENTS, cut=st.integers(0, 20))
def test_ticks_between_events_change_nothing(events: list[Event], cut: int):
    ordered = sorted(events, key=lambda event: event.storage_id)
    whole = incidents({}, events)
    first = incidents({}, ordered[:cut])
    second = incidents(first.state, ordered[cut:])
    ids = [[item.storage_id for item in changes.opened] for changes in (first, second)]
    assert ids[0] + ids[1] == [item.storage_id for item in whole.opened]
    ends = [[item.at for item in changes.closed] for changes in (first, second)]
    assert ends[0] + ends[1] == [item.at for item in whole.closed]
    assert second.state.keys() == whole.state.keys()
    assert len(whole.opened) - len(whole.closed) == len(whole.state)
