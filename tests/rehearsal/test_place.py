"""Where a twin lies: one at a time, and what stands is nobody's leftover."""

import pytest

from ospi_supervisor.errors import NotRehearsedError
from ospi_supervisor.rehearsal import place as place_module
from ospi_supervisor.rehearsal.place import place, sweep
from tests.rehearsal.portal import Portal


def test_a_twin_that_stands_is_not_swept_and_no_other_comes_beside(
    hospital: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_module, "OTHER_SECONDS", 0.0)
    config = hospital.config
    config.backup.directory.mkdir(exist_ok=True)
    with place(config, 1000) as folder:
        (folder / "donnée").write_text("du double")
        sweep(config)
        assert (folder / "donnée").exists()
        with pytest.raises(NotRehearsedError, match="un autre double"), place(config, 1000):
            pass
    assert not folder.exists()
    folder.mkdir()
    sweep(config)
    assert not folder.exists()
