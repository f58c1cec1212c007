"""The stall detector: long and alive is normal, silent for longer than usual is not."""

import pytest

from ospi_supervisor.domain.stall import Pace, pace_of


@pytest.mark.parametrize(
    ("spent", "silence", "usual", "pace"),
    [
        (0, 0, None, Pace.USUAL),
        (7200, 899, None, Pace.QUIET),  # without history, hours are what the vendor announces
        (7200, 901, None, Pace.SILENT),
        (50, 0, 10, Pace.USUAL),  # nobody notices less than a minute
        (61, 0, 10, Pace.LONG),
        (149, 0, 100, Pace.USUAL),
        (151, 0, 100, Pace.LONG),
        (299, 299, 10, Pace.QUIET),
        (301, 301, 10, Pace.SILENT),  # a short phase, silent for five minutes
        (3000, 60, 4000, Pace.USUAL),
        (3000, 61, 4000, Pace.QUIET),  # long or not: nobody knows that it goes on
        (9000, 61, 4000, Pace.QUIET),
        (3000, 3000, 4000, Pace.QUIET),  # a hook that usually computes in silence for more than an hour
        (4001, 4001, 4000, Pace.SILENT),
        (9000, 20, 4000, Pace.LONG),
        (-3600, -3600, 100, Pace.USUAL),  # the clock was set back
    ],
)
def test_the_verdict(spent: float, silence: float, usual: float | None, pace: Pace) -> None:
    assert pace_of(spent=spent, silence=silence, usual=usual) is pace
