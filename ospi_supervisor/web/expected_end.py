"""When an update ends, in words: never an hour that is over, never one of unknown worth."""

from datetime import datetime, timedelta
from typing import NamedTuple

from ospi_supervisor.web.labels import duration

LITTLE_SECONDS = 5


class EndWords(NamedTuple):
    """The end, in large, and what that rests on, in small."""

    large: str
    small: str


RETURN_WORDS = EndWords("dès que possible", "la durée du retour dépend de ce que la mise à jour avait changé")


def end_words(left: float | None, now: datetime) -> EndWords:
    """The end expected in `left` seconds, as it may be said."""
    if left is None:
        return EndWords("une à plusieurs heures", "durée moyenne ; ce serveur n'en a pas encore mesuré")
    if left < LITTLE_SECONDS:
        return EndWords("d'un instant à l'autre", "d'après les mises à jour précédentes")
    end = (now + timedelta(seconds=left)).astimezone()
    return EndWords(
        f"vers {end:%H} h {end:%M}", f"encore environ {duration(left)}, d'après les mises à jour précédentes"
    )
