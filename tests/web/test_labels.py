"""Numbers, durations and labels as the pages show them."""

import pytest

from ospi_supervisor.domain.lifecycle import PhaseStatus, UpdateStatus
from ospi_supervisor.domain.prerequisites import Thresholds, Verdict
from ospi_supervisor.domain.words import PHASE_STATUS_LABELS, STATUS_LABELS
from ospi_supervisor.web import labels


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.4, "moins de 1 s"),
        (59.4, "59 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (7_512, "2 h 05 min"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert labels.duration(seconds) == text


def test_everything_that_is_stored_has_its_words() -> None:
    assert set(STATUS_LABELS) == set(UpdateStatus)
    assert set(PHASE_STATUS_LABELS) == set(PhaseStatus)
    assert set(labels.VERDICT_LABELS) == set(Verdict)
    assert set(labels.THRESHOLD_LABELS) == set(Thresholds.__dataclass_fields__)


def test_only_changed_thresholds_are_told() -> None:
    assert labels.lowered_thresholds(Thresholds()) == []
    assert labels.lowered_thresholds(Thresholds(memory_gb=0.5)) == [("mémoire vive (Go)", "0,5", "8")]
