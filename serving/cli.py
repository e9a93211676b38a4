"""The `tenure` command. What is slow to import is imported where it is used, so that `--help` answers at once."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from serving.terminal import (
    check_place,
    check_port,
    date_in,
    day_after_last,
    day_named,
    end_with,
    note,
    opened_warehouse,
    os_user,
    progress_bar,
    say,
    write_table,
    wrong_use,
)

app = typer.Typer(
    name="tenure",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Which accounts you are about to lose or could grow, why, how much money is at stake and what to do about it.",
)

WAREHOUSE = typer.Argument(
    metavar="WAREHOUSE",
    help="A folder of Parquet or CSV files, a DuckDB file, postgres://…, spark://… or a mapping file (*.toml).",
)
HOME = typer.Option("--home", envvar="TENURE_HOME", help="Where all state is kept.")
AS_OF = typer.Option("--as-of", metavar="DATE", help="A day, such as 2026-10-01; nothing known on or after it is used.")
JSON = typer.Option("--json", help="Print JSON for machines.")

Place = Annotated[str, WAREHOUSE]
Home = Annotated[Path, HOME]
AsOf = Annotated[str, AS_OF]
AsJson = Annotated[bool, JSON]


@app.command(epilog="Example: tenure demo --accounts 300 --no-serve")
def demo(
    accounts: Annotated[int, typer.Option(help="How many accounts the invented company has.")] = 1500,
    months: Annotated[int, typer.Option(help="How many months of history.")] = 24,
    port: Annotated[int, typer.Option(help="Where to serve, on this machine only.")] = 3000,
    serve_after: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the page and the API at the end.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Another seed is another company.")] = 7,
    home: Home = Path(".tenure"),
) -> None:
    """Simulate a company, audit, train, promote, score, and serve the result."""
    from serving.demo import run_demo

    if serve_after:
        check_port("127.0.0.1", port)
    with progress_bar() as progress:
        typer.echo("\n".join(run_demo(home, accounts=accounts, months=months, seed=seed, progress=progress)))
    if serve_after:
        _serve(home, "127.0.0.1", port)


@app.command(epilog="Example: tenure simulate company --accounts 300 --months 18 --seed 3")
def simulate(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; the truth goes to DIR/truth.")],
    accounts: Annotated[int, typer.Option(help="How many accounts.")] = 1500,
    months: Annotated[int, typer.Option(help="How many months of history.")] = 24,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Another seed is another company.")] = 7,
    end: Annotated[str, typer.Option(metavar="DATE", help="The day after the last one.")] = "2026-10-01",
    as_json: AsJson = False,
) -> None:
    """Write the source tables of an invented company, and the true cause of every churn beside them."""
    from features.simulation import simulate as make

    with progress_bar() as progress:
        make(directory, accounts=accounts, months=months, seed=seed, end=day_named(end), progress=progress)
    say(as_json, {"directory": str(directory), "accounts": accounts, "months": months}, f"Wrote {directory}.")


@app.command(epilog="Example: tenure audit warehouse/ --as-of 2026-10-01")
def audit(
    warehouse: Place,
    as_of: Annotated[str | None, AS_OF] = None,
    quarantine: Annotated[Path | None, typer.Option(help="A Parquet file for every bad row: table, key, rule.")] = None,
    home: Home = Path(".tenure"),
    as_json: AsJson = False,
) -> None:
    """Say what is given, blind, stale, contradictory or leaking, and whether it is enough to learn from."""
    from serving.words import audit_lines
    from training.audit import audit as examine
    from training.dataset import told_until

    with opened_warehouse(warehouse, home) as opened, progress_bar() as progress:
        day = date_in(as_of, opened) if as_of else day_after_last(opened)
        found = examine(opened, day, progress=progress, until=told_until(opened, day))
        if quarantine is not None:
            write_table(opened.quarantine, quarantine)
    say(as_json, found.document(), "\n".join(audit_lines(found)))
    if found.unusable:
        raise typer.Exit(1)


@app.command(
    epilog="Example: tenure snapshot warehouse/ --from 2026-01-01 --to 2026-10-01 --every month --out F.parquet"
)
def snapshot(
    warehouse: Place,
    out: Annotated[Path, typer.Option("--out", help="The Parquet file to write.")],
    as_of: Annotated[list[str] | None, AS_OF] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="DATE", help="Where many dates begin.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Where they end.")] = None,
    every: Annotated[str, typer.Option(help="week (from --from on) or month (its first day).")] = "month",
    home: Home = Path(".tenure"),
    as_json: AsJson = False,
) -> None:
    """Write feature rows: account_id, as_of and one column a feature."""
    from features.cohort import dates_every, spine
    from features.snapshot import snapshot as build

    if bool(as_of) == bool(start or end) or bool(start) != bool(end):
        wrong_use("expected either --as-of (once or more) or both --from and --to")
    check_place(out)
    with opened_warehouse(warehouse, home) as opened, progress_bar() as progress:
        if as_of:
            dates = [date_in(day, opened) for day in as_of]
        else:
            dates = dates_every(every, date_in(start or "", opened), date_in(end or "", opened))
        table = build(opened, spine(opened, dates), progress=progress)
    write_table(table, out)
    say(as_json, {"rows": len(table), "out": str(out)}, f"Wrote {len(table):,} rows to {out}.")


@app.command(epilog="Example: tenure train warehouse/ --outcome churn --horizon 90 --trials 40")
def train(
    warehouse: Place,
    outcome: Annotated[
        list[str] | None, typer.Option(help="churn, contraction or expansion; all if not given.")
    ] = None,
    horizon: Annotated[int, typer.Option(min=1, max=730, help="Days within which the outcome happens.")] = 90,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Nothing known on or after this day is used.")
    ] = None,
    trials: Annotated[int, typer.Option(min=0, help="Trials of the search; 0 takes the defaults.")] = 0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The seed of everything drawn.")] = 7,
    minutes: Annotated[float | None, typer.Option(min=0, help="No trial begins after so many minutes.")] = None,
    study: Annotated[
        str | None, typer.Option(metavar="URL", help="A database in which several workers search; else in --home.")
    ] = None,
    window: Annotated[int | None, typer.Option(min=1, help="Learn from dates of so many days alone.")] = None,
    interventions: Annotated[
        str, typer.Option(help="Rows on which a playbook ran: keep, exclude, or weight (others alike count for more).")
    ] = "keep",
    despite_audit: Annotated[bool, typer.Option(help="Train though the tables contradict themselves.")] = False,
    allow_leaks: Annotated[
        bool, typer.Option("--allow-leaks", help="Train though the tables seem to know the outcome; the card says so.")
    ] = False,
    home: Home = Path(".tenure"),
    as_json: AsJson = False,
) -> None:
    """Backtest, fit and calibrate models, and register them as challengers; refuse where there is not enough to say."""
    from serving.words import trained_document, trained_lines
    from training.audit import contradictions_in, refusals
    from training.interventions import HOWS
    from training.outcomes import OUTCOMES, outcome_named
    from training.train import TrainingRun, check_servers
    from training.train import train as run_training

    chosen = tuple(outcome_named(name).name for name in outcome) if outcome else tuple(OUTCOMES)
    if interventions not in HOWS:
        wrong_use(f"--interventions {interventions} is not known; expected one of {', '.join(HOWS)}")
    check_servers(home, trials, study)
    with opened_warehouse(warehouse, home) as opened, progress_bar() as progress:
        day = date_in(until, opened) if until else day_after_last(opened)
        against = [] if despite_audit else refusals(contradictions_in(opened, day))
        if against:
            told = "Refused: the tables contradict themselves.\n  - " + "\n  - ".join(against)
            say(as_json, {"refused": against}, told)
            raise typer.Exit(1)
        run = TrainingRun(day, chosen, horizon, trials, seed, allow_leaks, minutes, study, interventions, window)
        trained = run_training(opened, run, home, progress)
    say(as_json, [trained_document(one) for one in trained], "\n".join(trained_lines(trained)))
    if all(one.refused for one in trained):
        raise typer.Exit(1)


@app.command(epilog="Example: tenure promote churn")
def promote(
    outcome: Annotated[str, typer.Argument(help="churn, contraction or expansion.")],
    version: Annotated[str | None, typer.Option(help="A version other than the challenger.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Though the gate refuses; needs --why.")] = False,
    why: Annotated[str, typer.Option(help="The reason, kept in the audit trail.")] = "",
    home: Home = Path(".tenure"),
    as_json: AsJson = False,
) -> None:
    """Make the challenger champion, through the gate."""
    from serving.words import promoted_document, promoted_lines
    from training.outcomes import outcome_named
    from training.registry import promote as install
    from training.trail import newest, unread

    model = install(home, outcome_named(outcome).name, version, force=force, why=why, who=os_user())
    note(unread(home))
    entry = newest(home, model.outcome)
    say(as_json, promoted_document(model, entry), "\n".join(promoted_lines(model, entry)))


@app.command(epilog="Example: tenure rollback churn")
def rollback(
    outcome: Annotated[str, typer.Argument(help="churn, contraction or expansion.")],
    home: Home = Path(".tenure"),
    as_json: AsJson = False,
) -> None:
    """Bring back the champion before the present one."""
    from serving.words import IN_THE_BOOK
    from training.outcomes import outcome_named
    from training.registry import rollback as back
    from training.trail import unread

    model = back(home, outcome_named(outcome).name, who=os_user())
    note(unread(home))
    say(as_json, {"champion": model.version}, f"{model.version} is champion for {outcome} again.\n{IN_THE_BOOK}")


@app.command(epilog="Example: tenure holdout --share 0.1")
def holdout(
    share: Annotated[float, typer.Option(help="The share of accounts that get no playbook.")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Another seed draws other accounts.")] = 7,
    home: Home = Path(".tenure"),
    as_json: AsJson = False,
) -> None:
    """Draw accounts at random that get no playbook, and keep the draw, so that effect can be measured later."""
    from serving.holdout import draw

    drawn = draw(home, share, seed)
    told = f"From the next scores on, {drawn.share:.0%} of accounts, drawn with seed {drawn.seed}, get no playbook."
    say(as_json, {"share": drawn.share, "seed": drawn.seed}, told)


@app.command(epilog="Example: tenure score warehouse/ --as-of 2026-10-01 --out scores.parquet")
def score(
    warehouse: Place,
    as_of: AsOf,
    out: Annotated[
        Path | None, typer.Option("--out", help="A Parquet file for the scores, besides the ledger.")
    ] = None,
    home: Home = Path(".tenure"),
    as_json: AsJson = False,
) -> None:
    """Score every account paying without notice, into the ledger and to a file."""
    from serving.record import score_of_record
    from serving.score import scores_frame
    from serving.words import scored_document, scored_lines

    if out is not None:
        check_place(out)
    with opened_warehouse(warehouse, home) as opened, progress_bar() as progress:
        scoring, withheld = score_of_record(opened, date_in(as_of, opened), home, progress)
    if out is not None:
        write_table(scores_frame(scoring.ahead()), out)
    say(as_json, scored_document(scoring, withheld), "\n".join(scored_lines(scoring, withheld)))


@app.command(epilog="Example: tenure revenue warehouse/ --as-of 2026-10-01 --by segment")
def revenue(
    warehouse: Place,
    as_of: AsOf,
    by: Annotated[str | None, typer.Option(help="segment, tier or cohort.")] = None,
    home: Home = Path(".tenure"),
    as_json: AsJson = False,
) -> None:
    """GRR, NRR, logo and revenue churn, renewal rate and LTV of the year before a day."""
    from serving.reports import revenue_rows
    from serving.words import revenue_lines

    if by not in (None, "segment", "tier", "cohort"):
        wrong_use(f"--by {by} is not known; expected segment, tier or cohort")
    with opened_warehouse(warehouse, home) as opened:
        rows = revenue_rows(opened, date_in(as_of, opened), by)
    say(as_json, rows, "\n".join(revenue_lines(rows)))


@app.command(epilog="Example: tenure serve --port 3000")
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 3000,
    home: Home = Path(".tenure"),
) -> None:
    """Serve the API and the pages over the latest scores of record."""
    check_port(host, port)
    _serve(home, host, port)


def main() -> None:
    """Runs the command; a fault that a caller can mend is one message and exit status 2, a refusal is 1."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:  # noqa: BLE001
        end_with(error)


def _serve(home: Path, host: str, port: int) -> None:
    from serving.server import run_server

    sys.exit(run_server(home, host, port))


if __name__ == "__main__":
    main()
