"""Nothing that must stay may lie in a release."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.administration.checks import CHECKS
from ospi_supervisor.bootstrap.administration import make_adapters, make_administration
from ospi_supervisor.config.tables import Config, load_config
from ospi_supervisor.deployment.placement import check_places
from ospi_supervisor.errors import ConfigurationError
from tests.support.site import Site
from tests.support.system import require_root
from tests.support.tmpfs import small_disk

Tables = dict[str, dict[str, Any]]


def through(folder: Path) -> list[Tables]:
    """Each key that names what must stay, with a path in `folder`."""
    database = {"name": "p", "url": f"sqlite:///{folder}/p.db"}
    mail = {"smtp": "m", "recipients": ["a@b"], "account": "a"}
    server = {"name": "p", "url": "postgresql://u@h:5432/p"}
    return [
        {"platform": {"data_dirs": [f"{folder}/data"]}},
        {"platform": {"databases": [database]}},
        {"backup": {"directory": f"{folder}/backups"}},
        {"supervisor": {"state_dir": f"{folder}/state"}},
        {"maintenance": {"flag": f"{folder}/flag"}},
        {"maintenance": {"page_dir": f"{folder}/page"}},
        {"supervisor": {"metrics_token_file": f"{folder}/token"}},
        {"platform": {"databases": [server | {"password_file": f"{folder}/password"}]}},
        {"platform": {"ca_bundle": f"{folder}/ca.pem"}},
        {"trust": {"root": f"{folder}/root.json"}},
        {"trust": {"support_key": f"{folder}/support.pub.pem"}},
        {"automatic_update": {"proxy_password_file": f"{folder}/proxy-password"}},
        {"automatic_update": {"ca_bundle": f"{folder}/ca.pem"}},
        {"mail": mail | {"password_file": f"{folder}/password"}},
        {"mail": mail | {"password_file": "/x", "ca_bundle": f"{folder}/ca.pem"}},
    ]


@pytest.mark.parametrize("number", range(len(through(Path()))))
@pytest.mark.parametrize("place", ["current", "releases/11.5.0", "elsewhere/../current", "alias"])
@pytest.mark.parametrize("current_is_a_link", [True, False])
def test_a_path_in_a_release_is_refused(
    number: int, place: str, current_is_a_link: bool, make_config: Callable[..., Config], tmp_path: Path
) -> None:
    root = tmp_path / "platform"
    (root / "releases/11.5.0").mkdir(parents=True)
    if current_is_a_link:
        (root / "current").symlink_to("releases/11.5.0")
    else:
        (root / "current").mkdir()
    (root / "alias").symlink_to("current")
    with pytest.raises(ConfigurationError, match="est dans une version"):
        check_places(make_config(**through(root / place)[number]))


def test_a_configuration_in_a_release_is_refused(site: Site) -> None:
    place = site.config.platform.root / "current/supervisor.toml"
    site.config_path.rename(place)
    config = load_config(place)
    with pytest.raises(ConfigurationError, match=r"current/supervisor\.toml est dans une version"):
        make_administration(config).adopt("11.5.0")
    assert any("supervisor.toml" in finding.message for finding in make_administration(config).check())


def test_a_release_whose_own_link_leads_out_is_refused_too(make_config: Callable[..., Config], tmp_path: Path) -> None:
    """The next release may not have that link."""
    current = tmp_path / "platform/current"
    current.mkdir(parents=True)
    (current / "data").symlink_to(tmp_path / "data")
    with pytest.raises(ConfigurationError, match="current/data"):
        check_places(make_config(platform={"data_dirs": [str(current / "data")]}))


def test_beside_the_releases_all_is_well(make_config: Callable[..., Config], tmp_path: Path) -> None:
    check_places(make_config(platform={"data_dirs": [str(tmp_path / "platform/data")]}))


def test_adopt_refuses_before_it_renames_and_check_says_it(make_config: Callable[..., Config], tmp_path: Path) -> None:
    current = tmp_path / "platform/current"
    (current / "data").mkdir(parents=True)
    config = make_config(platform={"databases": [{"name": "p", "url": f"sqlite:///{current}/data/p.db"}]})
    with pytest.raises(ConfigurationError, match=r"p\.db est dans une version"):
        make_administration(config).adopt("11.5.0")
    assert not current.is_symlink()
    with pytest.raises(ConfigurationError, match=r"p\.db est dans une version"):
        list(CHECKS["places"](config, make_adapters(config)))


@pytest.mark.parametrize("adopted", [True, False])
def test_a_disk_in_a_release_is_refused(make_config: Callable[..., Config], tmp_path: Path, adopted: bool) -> None:
    """The next release would not have it, and whoever deletes the old one would empty it."""
    require_root("only it can mount a disk")
    root = tmp_path / "platform"
    release = root / ("releases/11.5.0" if adopted else "current")
    (release / "uploads").mkdir(parents=True)
    if adopted:
        (root / "current").symlink_to("releases/11.5.0")
    config = make_config(platform={"root": str(root)})
    check_places(config)
    with small_disk(release / "uploads", "1m"), pytest.raises(ConfigurationError, match="monté dans une version"):
        check_places(config)


@pytest.mark.parametrize("what", ["state_dir", "page_dir", "flag", "through a link"])
def test_what_the_supervisor_knows_lies_in_no_data(
    make_config: Callable[..., Config], tmp_path: Path, what: str
) -> None:
    """A way back would replace it in the middle of the update."""
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "alias").symlink_to("data")
    check_places(make_config(platform={"data_dirs": [str(data)]}))
    table = "supervisor" if what in ("state_dir", "through a link") else "maintenance"
    value = tmp_path / "alias/état" if what == "through a link" else data / what
    key = "state_dir" if what == "through a link" else what
    with pytest.raises(ConfigurationError, match="est dans les données"):
        check_places(make_config(platform={"data_dirs": [str(data)]}, **{table: {key: str(value)}}))
