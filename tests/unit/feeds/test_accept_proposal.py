"""An accepted proposal gives a shop a dialect and a source that read the file; before, nothing is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from feeds.inference.accepting import accept_proposal
from feeds.inference.proposal import propose, write_proposal
from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.report import FeedError
from feeds.shop import load_shop
from feeds.shop_checks import ShopError

SHOP = """# my shop
name: corner
time_zone: Europe/Berlin
currency: EUR
sources:
  - name: tills   # keep this comment
    path: "{data}/tills"
    provides: [orders]
"""
LINES = "Bestellnummer;Artikelnummer;Bezeichnung;Menge;Einzelpreis;Bestelldatum;Telefon\n" + "".join(
    f"B{i // 2};A{i};Lampe für Küche {i};{i + 1};1.0{i % 10}2,50;{i + 1:02d}.07.2025 14:30;"
    f"+49 170 1234{i:03d}\n"
    for i in range(10)
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "shops").mkdir(parents=True)
    (tmp_path / "home" / "shops" / "corner.yaml").write_text(SHOP, encoding="utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bestellungen.csv").write_bytes(LINES.encode("utf-8"))
    return tmp_path / "home"


@pytest.fixture
def proposal(home: Path) -> Path:
    out = home.parent / "proposal.yaml"
    write_proposal(propose(home.parent / "data" / "bestellungen.csv"), out)
    return out


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_accepted_file_is_read_with_times_and_amounts_in_the_shops_terms(
    home: Path, proposal: Path
) -> None:
    before = files_below(home)
    assert set(before) == {"shops/corner.yaml"}
    dialect, shop_file = accept_proposal(proposal, "corner", home)
    assert set(files_below(home)) == {"shops/corner.yaml", "dialects/bestellungen.yaml"}
    assert "# keep this comment" in shop_file.read_text(encoding="utf-8")
    assert dialect.name == "bestellungen.yaml"
    shop = load_shop("corner", home, data=home.parent / "data")
    told = ingest_feed(shop, "order_lines", home, key=b"k")
    assert (told.accepted, told.quarantined, told.drift) == (10, 0, ())
    columns = ["order_id", "line_number", "unit_price_amount", "ordered_at", "currency", "sku"]
    rows = sorted(
        Lake(home / "corner" / "lake").read("raw", "order_lines", columns=columns).to_pylist(),
        key=lambda row: int(row["sku"][1:]),
    )
    assert [row["line_number"] for row in rows] == [1, 2] * 5
    assert str(rows[3]["unit_price_amount"]) == "1032.50"
    assert rows[0]["ordered_at"].isoformat() == "2025-07-01T12:30:00+00:00"
    assert rows[0]["currency"] == "EUR"


def test_accepting_twice_changes_nothing_more(home: Path, proposal: Path) -> None:
    accept_proposal(proposal, "corner", home)
    once = files_below(home)
    accept_proposal(proposal, "corner", home)
    assert files_below(home) == once


def test_a_shipped_shop_is_extended_in_the_data_home(home: Path, proposal: Path) -> None:
    _, shop_file = accept_proposal(proposal, "demo", home)
    assert shop_file == home / "shops" / "demo.yaml"
    assert [source.name for source in load_shop("demo", home).sources][-1] == "bestellungen"


@pytest.mark.parametrize("spoil", ["dialect", "source", "name", "text"])
def test_a_proposal_that_cannot_be_used_changes_nothing(spoil: str, home: Path, proposal: Path) -> None:
    document = yaml.safe_load(proposal.read_text(encoding="utf-8"))
    if spoil == "dialect":
        document["dialect"]["feeds"]["order_lines"]["columns"]["no_such_column"] = "1"
    elif spoil == "source":
        document["source"]["max_rejected_ratio"] = 7
    elif spoil == "name":
        document["dialect"]["name"] = "../../evil"
    proposal.write_text("just text" if spoil == "text" else yaml.safe_dump(document), encoding="utf-8")
    before = files_below(home)
    with pytest.raises((FeedError, ShopError)):
        accept_proposal(proposal, "corner", home)
    assert files_below(home) == before


def test_another_dialect_of_the_name_is_not_replaced(home: Path, proposal: Path) -> None:
    accept_proposal(proposal, "corner", home)
    document = yaml.safe_load(proposal.read_text(encoding="utf-8"))
    document["dialect"]["feeds"]["order_lines"]["columns"]["title"] = "'Lampe'"
    proposal.write_text(yaml.safe_dump(document), encoding="utf-8")
    before = files_below(home)
    with pytest.raises(FeedError, match="exists and differs"):
        accept_proposal(proposal, "corner", home)
    assert files_below(home) == before


def test_the_commands_propose_check_and_accept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.commands import feeds as command

    class Settings:
        data_home = home

    monkeypatch.setattr(command, "settings", Settings)
    monkeypatch.setattr(command.out, "width", 200)
    out = home.parent / "p.yaml"
    run = CliRunner().invoke
    told = run(
        command.feeds_app, ["infer", str(home.parent / "data" / "bestellungen.csv"), "--out", str(out)]
    )
    assert told.exit_code == 0, told.output
    assert out.exists()
    assert not (home / "dialects").exists()
    assert run(command.feeds_app, ["accept", str(out), "--shop", "corner"]).exit_code == 0
    good = Path(__file__).parents[2] / "data" / "dialects" / "retailrocket"
    assert run(command.feeds_app, ["check", "retailrocket", "--sample", str(good)]).exit_code == 0
    (home.parent / "clicks.csv").write_text("session_id,pos,item_id,colour\n0,0,,red\n", encoding="utf-8")
    bad = run(command.feeds_app, ["check", "retailrocket", "--sample", str(home.parent)])
    assert bad.exit_code == 1
    assert "colour" in bad.output
