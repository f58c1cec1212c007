"""Secrets out of texts: those that are known, in every spelling, and what looks like one."""

import json
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from ospi_supervisor.config.redaction import Redactor, secret_files, secrets_in

SECRET = 'pâss "w\\/rd'


@pytest.mark.parametrize(
    "text",
    [
        f"connexion avec {SECRET} refusée",
        json.dumps({"line": SECRET}),
        json.dumps({"line": SECRET}, ensure_ascii=False),
        f"postgresql://u:{quote(SECRET, safe='')}@h/b",
        f"{SECRET}{SECRET}",
    ],
)
def test_a_known_secret_goes_in_every_spelling(text: str) -> None:
    cleaned = Redactor([SECRET]).clean(text)
    for spelling in (SECRET, json.dumps(SECRET)[1:-1], json.dumps(SECRET, ensure_ascii=False)[1:-1], quote(SECRET)):
        assert spelling not in cleaned
    assert "***" in cleaned


def test_a_secret_that_begins_with_another_goes_whole() -> None:
    assert Redactor(["abc", "abcdef"]).clean("abcdef abc") == "*** ***"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("postgresql://bi:s3cret@127.0.0.1:5432/b", "postgresql://bi:***@127.0.0.1:5432/b"),
        ("postgresql://bi:a@b@h/b", "postgresql://bi:***@h/b"),
        ("postgresql://bi@h/b", "postgresql://bi@h/b"),
        ("http://h:8000/chemin@x", "http://h:8000/chemin@x"),
        ("PGPASSWORD=s3cret psql", "PGPASSWORD=*** psql"),
        ("DB_PASSWORD='s3cret'", "DB_PASSWORD='***'"),
        ('{"token": "s3cret", "a": 1}', '{"token": "***", "a": 1}'),
        ("calculs --password s3cret --verbose", "calculs --password *** --verbose"),
        ("calculs --token=s3cret", "calculs --token=***"),
        ("Authorization: Bearer s3cret", "Authorization: Bearer ***"),
        ("SECRET_KEY=s3cret", "SECRET_KEY=***"),
        ("export AWS_SECRET_ACCESS_KEY=s3/cr+et", "export AWS_SECRET_ACCESS_KEY=***"),
        ("dbPassword: s3cret", "dbPassword: ***"),
        ("X-Api-Key: s3cret", "X-Api-Key: ***"),
        ("Authorization: Basic YmVydDpzM2NyZXQ=", "Authorization: Basic ***"),
        ('{"Authorization": "Basic YmVydA==", "a": 1}', '{"Authorization": "***", "a": 1}'),
        ("mdp=s3cret", "mdp=***"),
        ("mot de passe : s3cret", "mot de passe : ***"),
        (r'{"line": "{\"password\": \"s3 cret\", \"a\": 1}"}', r'{"line": "{\"password\": \"***\", \"a\": 1}"}'),
        (r"\\\"token\\\": \\\"s3cret\\\", b", r"\\\"token\\\": \\\"***\\\", b"),
        ("password='deux mots' user=bi", "password='***' user=bi"),
        (r'password = "deux \"mots\"", user', 'password = "***", user'),
        ("password='sans fin\nla suite", "password='***'\nla suite"),
        ("password=s3,cret, user=bi", "password=***, user=bi"),
        ("'password' => 's3cret'", "'password' => '***'"),
        ("ALTER ROLE bi PASSWORD 'deux mots';", "ALTER ROLE bi PASSWORD '***';"),
        ("le secretariat: ouvert ; 3 tokens: a", "le secretariat: ouvert ; 3 tokens: a"),
        ("secret_path=/etc/ospi", "secret_path=/etc/ospi"),
        ('"password_file": "/etc/ospi/password"', '"password_file": "/etc/ospi/password"'),
        ("secret /etc/ospi/password protégé", "secret /etc/ospi/password protégé"),
    ],
)
def test_what_looks_like_a_secret_goes_too(text: str, cleaned: str) -> None:
    assert Redactor([]).clean(text) == cleaned


@pytest.mark.parametrize(
    "line",
    ["PGPASSWORD=s3cret", "mot_de_passe : s3cret", "X-Api-Key: s3cret", "a_\u017fecret=s3cret", "x://u:s3cret@h/"],
)
def test_among_many_lines_a_secret_goes_from_its_own_and_from_no_other(line: str) -> None:
    """Wherever it stands in what is looked at together; what could be one in two lines is none."""
    usual = "la clef primaire (primary key) du passage : 12\nmot de passe :\n  suite\n"
    for before in range(0, 200, 7):
        text = usual * before + f"{line}\n" + usual * 90
        cleaned = Redactor([]).clean_lines(text)
        assert "s3cret" not in cleaned
        assert cleaned == usual * before + f"{Redactor([]).clean(line)}\n" + usual * 90


def test_empty_lines_are_no_secrets() -> None:
    assert Redactor(["", " ", "\n"]).clean("a b") == "a b"


def test_every_secret_file_of_a_configuration_is_read(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("un\ndeux\n")
    (tmp_path / "two").write_bytes(b"\xfftrois")
    document = {
        "a": {"metrics_token_file": str(tmp_path / "one"), "b_file": None},
        "c": [{"password_file": str(tmp_path / "two")}, {"password_file": str(tmp_path / "absent")}],
    }
    files = list(secret_files(document))
    assert [path.name for path in files] == ["one", "two", "absent"]
    assert list(secrets_in(files)) == ["un", "deux", "", "\ufffdtrois"]


def test_a_pipe_in_a_secrets_place_holds_nobody(tmp_path: Path) -> None:
    """The web process's key lies in its own folder, and the worker reads it before each hook."""
    pipe, other = tmp_path / "secret_key", tmp_path / "password"
    os.mkfifo(pipe)
    other.write_text("s3cret")
    assert list(secrets_in([pipe, Path("/dev/zero"), other])) == ["s3cret"]
