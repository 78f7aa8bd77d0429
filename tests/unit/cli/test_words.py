"""What data, people and errors say reaches the terminal as it is: none of it is markup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text
from rich.tree import Tree
from typer.testing import CliRunner

from services.cli.console import out, print_json, report_error, visible
from services.cli.lineage import print_traces
from services.cli.main import app
from services.cli.progress import RunProgress
from services.coordinator.events import Event, ItemQuarantined, TaskFailed, Waiting
from synres.domain.types import ArtifactRef, CaptionedSample, Rle, Sample
from synres.errors import InvalidInput, NotFound
from synres.ledger.runs import Quarantined, RunFolder
from synres.ledger.stores import open_store
from synres.ledger.trace import Step, Trace

HOSTILE = "[/old] the [bold]cat[/] of photos[1]"


@pytest.mark.parametrize(
    "event",
    [
        TaskFailed("caption", "caption/a/0", "X", HOSTILE, 1),
        Waiting("the store", "X", HOSTILE),
        ItemQuarantined("caption", "caption/a/0", "a" * 64, "0" * 64, HOSTILE),
    ],
)
def test_progress_prints_messages_as_they_are(event: Event, capsys: pytest.CaptureFixture[str]) -> None:
    """A message with brackets must not end the run that it tells of."""
    with RunProgress() as progress:
        progress(event)
    assert HOSTILE in capsys.readouterr().err


def test_a_trace_prints_expressions_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Expressions and file names come from data."""
    sample = Sample(
        ArtifactRef("0" * 64, 1, "image/png"), Rle((1, 1), "01"), "cat", source="photos[/old].png"
    )
    row = CaptionedSample(sample.item, sample, ((HOSTILE,),))
    step = Step("caption", "1" * 64, "2" * 64, "{}", row)
    print_traces([Trace(sample.item, "3" * 64, (step,), "caption: [/x]")], as_json=False)
    printed = capsys.readouterr().out
    assert f"expressions: {HOSTILE}" in printed
    assert "photos[/old].png" in printed
    assert "caption: [/x]" in printed


def test_quarantine_lists_messages_as_they_are(tmp_path: Path) -> None:
    """The message is the worker's last word, whatever it was."""
    folder = RunFolder(open_store(str(tmp_path)), "run")
    folder.freeze({})
    folder.put_quarantined(Quarantined("0" * 64, "quarantined", "caption", "1" * 64, HOSTILE, "how"))
    ended = CliRunner().invoke(app, ["quarantine", "list", "run", "--store", str(tmp_path)])
    assert ended.exit_code == 0
    assert HOSTILE in ended.output


def test_quarantine_of_an_unknown_run_is_not_empty(tmp_path: Path) -> None:
    """A typo in the run's id must not read as good news."""
    ended = CliRunner().invoke(app, ["quarantine", "list", "nope", "--store", str(tmp_path)])
    assert isinstance(ended.exception, NotFound)


def test_a_local_s3_store_needs_a_folder(tmp_path: Path) -> None:
    """`--s3` starts a store; one that is there already cannot be where it keeps its data."""
    ended = CliRunner().invoke(app, ["up", "--s3", "--store", "s3://bucket/prefix"])
    assert isinstance(ended.exception, InvalidInput)
    assert "give one as --store, not s3://bucket/prefix" in str(ended.exception)


def test_services_on_one_machine_speak_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of the endpoint's would shut the others out; the word says what to do."""
    monkeypatch.setenv("SYNRES_SEGMENTER_TLS_CERTIFICATE", "chain.pem")
    ended = CliRunner().invoke(app, ["up"])
    assert isinstance(ended.exception, InvalidInput)
    assert "serve the segmenter alone by `synres serve`" in str(ended.exception)


def test_an_empty_expression_names_nothing() -> None:
    """Else the answer would be "no target", as if somebody had looked."""
    ended = CliRunner().invoke(app, ["segment", "picture.png", "the circle", " "])
    assert isinstance(ended.exception, InvalidInput)
    assert "an expression is empty" in str(ended.exception)


COMMANDING = "red\x1b[2J cup\u202epuc\x9b2J\x7f \udc80"
SHOWN = r"red\u001b[2J cup\u202epuc\u009b2J\u007f \udc80"


def test_no_text_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences and marks that turn text around are shown, in lines, tables, trees and errors."""
    table = Table(title=COMMANDING)
    table.add_row(Text(visible(COMMANDING)))
    for shown in (COMMANDING, Text(COMMANDING), table, Tree(COMMANDING)):
        out.print(shown, soft_wrap=True)
    report_error("X", COMMANDING, as_json=False)
    with RunProgress() as progress:
        progress(Waiting("the store", "X", COMMANDING))
    printed = capsys.readouterr()
    assert (printed.out.count(SHOWN), printed.err.count(SHOWN)) == (5, 2)
    assert not set("\x1b\u202e\x9b\x7f") & set(printed.out + printed.err)


def test_json_is_escaped_and_stays_the_same_document(capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal is safe from it, and a parser reads what was meant."""
    print_json({"said": COMMANDING})
    printed = capsys.readouterr().out
    assert SHOWN in printed
    assert json.loads(printed) == {"said": COMMANDING}


def test_other_scripts_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Accents, Arabic with its joiners and emoji are no commands."""
    said = "tasse à café \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f467"
    out.print(said, soft_wrap=True)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("output", "said"),
    [("foo.xyz", "let its name end in .png"), ("foo", "let its name end in .png"),
     ("no/foo.png", "does not exist"), ("folder.png", "is a folder"), ("./it.png", "is the picture itself")],
)  # fmt: skip
def test_an_overlay_that_cannot_be_is_refused_first(
    output: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the picture is read, and so before any model is loaded."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "it.png").write_bytes(b"no picture")
    ended = CliRunner().invoke(app, ["segment", "it.png", "the circle", "-o", output])
    assert isinstance(ended.exception, InvalidInput)
    assert said in ended.exception.message
