"""The configuration: what is accepted, what is refused in which words, and that its documentation is true."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ospi_supervisor.config.tables import Config, load_config, parse_config
from ospi_supervisor.errors import ConfigurationError

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "supervisor.example.toml"

Keys = dict[str, dict[str, Any]]
"""By table, each key with its default as TOML reads it (`obligatoire` and `aucun` aside)."""


def example() -> dict[str, Any]:
    return tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))


def changed(path: str, value: Any) -> dict[str, Any]:
    """The example with one key set to `value`, or removed where that is None."""
    document: Any = example()
    *folders, key = path.split(".")
    table = document
    for name in folders:
        table = table[int(name)] if name.isdigit() else table[name]
    if value is None:
        del table[key]
    else:
        table[key] = value
    return dict(document)


def keys_of(kind: Any, table: str = "") -> Keys:
    """The keys that the program accepts."""
    found: Keys = {}
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType | msgspec.inspect.DataclassType)
    for field in info.fields:
        name = f"{table}.{field.encode_name}" if table else field.encode_name
        item = getattr(field.type, "item_type", field.type)
        if isinstance(item, msgspec.inspect.StructType | msgspec.inspect.DataclassType):
            found |= keys_of(item.cls, name)
        if table:
            found.setdefault(table, {})[field.encode_name] = default_of(field)
    return found


def default_of(field: msgspec.inspect.Field) -> Any:
    if field.required:
        return "obligatoire"
    default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return "aucun" if default is None else list(default) if isinstance(default, tuple) else default


def documented_keys() -> Keys:
    found: Keys = {}
    table = ""
    for line in (DOCS / "configuration.md").read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"## `\[+([a-z_.]+)\]+`", line):
            table = heading[1]
        elif row := re.fullmatch(r"\| `(\w+)` \| (.+?) \| .+ \|", line):
            default = row[2].strip("`")
            literal = row[2].startswith("`")
            found.setdefault(table, {})[row[1]] = tomllib.loads(f"x = {default}")["x"] if literal else default
    return found


def test_the_documentation_names_every_key_and_its_default() -> None:
    assert documented_keys() == keys_of(Config)


def test_the_example_is_accepted_and_shows_every_key() -> None:
    assert load_config(EXAMPLE).file == EXAMPLE
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = set(re.findall(r"^(?:# )?(\w+) = ", text, re.MULTILINE))
    tables = {"services", "databases", "weekly", "dates"}
    assert shown == {key for keys in keys_of(Config).values() for key in keys} - tables


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("supervisor.stat_dir", "/x", "clé inconnue « supervisor.stat_dir » ; clés acceptées ici : instance"),
        ("autre", {}, "clé inconnue « autre »"),
        ("platform.public_url", "http://[hopital/", "« platform.public_url » n'est pas une adresse"),
        ("platform.health_url", "http://127.0.0.1:99999/", "« platform.health_url » n'est pas une adresse"),
        ("file", "/x", "clé inconnue « file »"),
        ("platform.services.0.unit", "x", "clé inconnue « platform.services[0].unit »"),
        ("supervisor.state_dir", None, "clé obligatoire « supervisor.state_dir » absente"),
        ("trust", None, "clé obligatoire « trust » absente"),
        ("supervisor.secure_cookies", "oui", "clé « supervisor.secure_cookies » : attendu bool, reçu str"),
        ("supervisor.max_archive_bytes", -1, "supervisor.max_archive_bytes"),
        ("backup.keep", 0, "backup.keep"),
        ("backup.after_snapshot", "cat", "demande « backup.after_snapshot_account », le compte sous lequel"),
        (
            "backup.after_snapshot_account",
            "root",
            "« backup.after_snapshot_account » va avec « backup.after_snapshot »",
        ),
        ("backup.after_snapshot_timeout", 9, "un entier d'au moins 10 est attendu"),
        ("backup.keep", "deux", "clé « backup.keep » : attendu int, reçu str"),
        ("platform.root", 3, "clé « platform.root » : attendu str, reçu int"),
        ("platform.root", "opt/pmsipilot", "« platform.root » doit être un chemin absolu"),
        ("platform.services.0.start", "x", "le service « portail » demande soit"),
        ("platform.services.1.stop", None, "le service « calculs » demande soit"),
        ("supervisor.url_prefix", "superviseur/", "« supervisor.url_prefix »"),
        ("supervisor.listen", "8810", "« supervisor.listen »"),
        ("supervisor.listen", "127.0.0.1:88100", "« supervisor.listen »"),
        ("automatic_update.hour", 24, "clé « automatic_update.hour » : un entier d'au plus 23 est attendu"),
        ("automatic_update.jitter", -1, "clé « automatic_update.jitter » : un entier d'au moins 0 est attendu"),
        ("automatic_update.hosts", {"rocky": "api.fr"}, "une adresse de la forme https://HÔTE/CHEMIN/ est attendue"),
        ("automatic_update.proxy", "http://a:secret@p:3128", "sans mot de passe (il va dans « proxy_password_file »)"),
        ("automatic_update.ca_bundle", "ca.pem", "« automatic_update.ca_bundle » doit être un chemin absolu"),
        ("mail.smtp", None, "« mail.smtp » et « mail.recipients » vont ensemble"),
        ("mail.recipients", [], "« mail.smtp » et « mail.recipients » vont ensemble"),
        ("mail.recipients", ["dsi"], "une adresse de la forme nom@hopital.example est attendue"),
        ("mail.from", "a@b.fr\nBcc: c@d.fr", "une adresse de la forme nom@hopital.example est attendue"),
        ("mail.smtp", "smtp://hote", "une adresse de la forme HÔTE ou HÔTE:PORT est attendue"),
        ("mail.smtp", "hote:99999", "« mail.smtp » doit être de la forme HÔTE ou HÔTE:PORT"),
        ("mail.account", None, "« mail.account » et « mail.password_file » vont ensemble"),
        ("mail.password_file", "secret", "« mail.password_file » doit être un chemin absolu"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(path: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_config(changed(path, value), "essai.toml")
    assert words in str(refusal.value)
    assert str(refusal.value).startswith("essai.toml : ")


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.toml illisible"):
        load_config(tmp_path / "absent.toml")
    for content in (b"[supervisor", b"\xff\xfe"):
        (tmp_path / "faux.toml").write_bytes(content)
        with pytest.raises(ConfigurationError, match="pas du TOML correct"):
            load_config(tmp_path / "faux.toml")


def test_two_services_or_databases_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="deux services du nom « portail »"):
        parse_config(changed("platform.services.1.name", "portail"))
    with pytest.raises(ConfigurationError, match="deux bases du nom « entrepot »"):
        parse_config(changed("platform.databases.1.name", "entrepot"))


@pytest.mark.parametrize("command", ["", " ", "sh -c 'non fermé"])
def test_what_is_no_command_is_refused(command: str) -> None:
    document = changed("backup.after_snapshot", command)
    document["backup"]["after_snapshot_account"] = "nobody"
    with pytest.raises(ConfigurationError, match=r"« backup\.after_snapshot » n'est pas une commande"):
        parse_config(document)
