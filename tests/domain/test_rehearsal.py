"""What a rehearsal's verdict says of the time that an update will take."""

from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.progress import seconds_of_page
from ospi_supervisor.domain.rehearsal import Outcome, Step, Verdict, expected_seconds, verdict_of

NO_PAST: dict[Phase, list[float]] = {phase: [] for phase in Phase}
PLAYED = Verdict(
    outcome=Outcome.REHEARSED,
    steps=(
        Step(title="Double", outcome=Outcome.REHEARSED, seconds=40, bytes=3_000_000),
        Step(title="Schéma", outcome=Outcome.REHEARSED, seconds=20, phase="migrate"),
        Step(title="Index", outcome=Outcome.REHEARSED, seconds=5.25, phase="migrate"),
        Step(title="Démarrage", outcome=Outcome.REHEARSED, seconds=3, phase="start"),
        Step(title="Contrôle", outcome=Outcome.REHEARSED, seconds=1, phase="health"),
    ),
)


def test_a_verdict_is_read_back_as_it_was_recorded() -> None:
    assert verdict_of(PLAYED.facts) == PLAYED
    assert verdict_of({}) is None


def test_what_was_played_is_what_an_update_will_take_and_the_rest_is_as_usual() -> None:
    past = NO_PAST | {Phase.MIGRATE: [300.0], Phase.STOP: [7.0], Phase.BACKUP: [60.0]}
    expected = expected_seconds(past, PLAYED)
    assert (expected[Phase.MIGRATE], expected[Phase.START], expected[Phase.HEALTH]) == (25.25, 3, 1)
    assert (expected[Phase.STOP], expected[Phase.BACKUP], expected[Phase.STAGE]) == (7, 60, None)
    page = seconds_of_page(Phase.MAINTENANCE, expected.__getitem__)
    assert page is not None
    assert 36 < page < 45


def test_a_server_that_never_updated_knows_by_its_rehearsal_alone() -> None:
    assert seconds_of_page(Phase.MAINTENANCE, expected_seconds(NO_PAST, None).__getitem__) is None
    assert seconds_of_page(Phase.MAINTENANCE, expected_seconds(NO_PAST, PLAYED).__getitem__) is not None


def test_what_was_given_up_half_way_says_nothing_of_the_time() -> None:
    lost = Verdict(outcome=Outcome.NOT_REHEARSED, reason="place", steps=PLAYED.steps[:2])
    assert expected_seconds(NO_PAST, lost)[Phase.MIGRATE] is None


def test_it_is_told_with_durations_and_weight() -> None:
    assert PLAYED.words.startswith("Double : répété, 40,0 s, 3 Mo ; Schéma : répété, 20,0 s ; Index : répété, 5,2 s")
