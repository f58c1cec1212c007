"""`unlock CODE`: what the support's code changed, in words."""

import pytest

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.unlock import encode_code
from tests.commands.conftest import Shell
from tests.commands.test_json import accepting
from tests.support.site import Site, now

CODE = encode_code(bytes(range(64)))
RELEASED = "Code accepté : l'échec de la mise à jour n° 1 n'empêche plus rien."
PAGE = " La page de maintenance est toujours affichée : « ospi-supervisor maintenance off » la retire."
PASSED = "Code accepté : la prochaine répétition de cette version sera passée, une fois."


@pytest.mark.parametrize(
    ("status", "page_up", "told"),
    [
        (UpdateStatus.ROLLED_BACK, False, RELEASED),
        (UpdateStatus.INTERVENTION, True, RELEASED + PAGE),
        (UpdateStatus.REFUSED, True, PASSED),
    ],
)
def test_what_a_code_changed_is_told(shell: Shell, site: Site, status: UpdateStatus, page_up: bool, told: str) -> None:
    number = site.update(status)
    site.engine.lock_version("portail-bi", "11.5.9", number, now())  # without one there is nothing to ask for
    if page_up:
        site.config.maintenance.flag.touch()
    with accepting(site, number):
        result = shell("unlock", CODE)
    assert (result.exit_code, result.stdout) == (0, f"{told}\n"), result.stderr


def test_a_page_that_an_update_put_up_is_the_updates(shell: Shell, site: Site) -> None:
    number = site.update(UpdateStatus.ROLLED_BACK)
    site.engine.lock_version("portail-bi", "11.5.9", number, now())
    site.update()
    site.config.maintenance.flag.touch()
    with accepting(site, number):
        assert shell("unlock", CODE).stdout == f"{RELEASED}\n"
