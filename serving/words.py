"""What the commands say of an audit, a training, a promotion, scores and revenue: for people, and for machines."""

from collections.abc import Mapping, Sequence
from typing import Any

from features.catalogue import CATALOGUE
from features.revenue import GRACE_DAYS
from features.segments import SIZES
from serving.scoring import Scoring
from training.audit import Audit, Contradiction
from training.coverage import SILENT_DAYS
from training.model import Model
from training.train import Trained
from training.tune import Found


def audit_lines(found: Audit) -> list[str]:
    """An audit as a page of text, the verdict last."""
    lines = [f"Audit as of {found.as_of}", "", *_table_lines(found), "", *_signal_lines(found)]
    if found.quarantine:
        lines += ["", "Quarantine"]
        for fault in found.quarantine:
            where = f"{fault['table']}.{fault['column']}"
            lines.append(f"  {fault['rows']:>8,} x {where}: {fault['rule']} (such as {fault['example']!r})")
    contradictions = [line for one in found.contradictions if one.rows for line in _contradiction_lines(one)]
    certain, odd = ([leak for leak in found.leaks if leak.refuses is refuses] for refuses in (True, False))
    for title, rows in (
        ("Stale", list(found.stale)),
        ("History", list(found.history)),
        ("Contradictions", contradictions),
        ("Suspected of leaking the outcome", [f"{leak.outcome}: {leak.told}" for leak in certain]),
        ("Odd, but no proof of a leak", [f"{leak.outcome}: {leak.told}" for leak in odd]),
    ):
        if rows:
            lines += ["", title, *(f"  {row}" for row in rows)]
    if found.outcomes:
        listed = ", ".join(
            f"{name} {came:,} (of {found.accounts[name]:,} accounts)" for name, came in found.outcomes.items()
        )
        lines += ["", f"Outcomes to learn from, among {found.rows:,} rows: {listed}"]
    verdict = ["Unusable:", *(f"  - {why}" for why in found.unusable)] if found.unusable else ["Usable."]
    return [*lines, "", *verdict]


def _table_lines(found: Audit) -> list[str]:
    """A line a table: rows, when they became known, and whose are missing or have stopped coming."""
    head = f"  {'Tables':<14}{'rows':>12}  {'known':<25}{'newest':>10}{'no row':>8}{'silent':>8}"
    lines = [head.replace("  Tables", "Tables  ") + "".join(f"{size:>12}" for size in SIZES)]
    for name, table in found.tables.items():
        known = f"{table['first_known']} – {table['last_known']}" if table["first_known"] else "no usable row"
        lines.append(
            f"  {name:<14}{table['rows']:>12,}  {known:<25}{_days_ago(table['days_since_newest']):>10}"
            f"{_rounded(table['accounts_without_rows']):>8}{_rounded(table['silent_accounts']):>8}"
            + "".join(f"{_rounded(table['silent_segments'].get(size)):>12}" for size in SIZES)
        )
        for what, listed in (("without", table["missing_columns"]), ("ignored", table["unknown_columns"])):
            if listed:
                lines.append(f"  {'':<14}{what} {', '.join(listed)}")
        if table["quarantined"]:
            lines.append(f"  {'':<14}{table['quarantined']:,} in quarantine")
    lines.append(
        f"  no row: the share of paying accounts without any; silent: without one in {SILENT_DAYS} days, and by size"
    )
    if found.blind_tables:
        lines.append(f"  not given, so these signals are blind: {', '.join(found.blind_tables)}")
    if found.passed_over:
        lines.append(f"  not read, for no table is called so: {', '.join(found.passed_over)}")
    return lines


def _signal_lines(found: Audit) -> list[str]:
    """A line a signal family: what can be computed, how fresh it is, and of which accounts anything is known."""
    lines = [f"{'Signals':<16}{'features':>12}{'newest':>12}{'known of':>10}" + "".join(f"{one:>12}" for one in SIZES)]
    for family, row in found.coverage.items():
        can = f"{row['features'] - len(row['blind_features'])} of {row['features']}"
        lines.append(
            f"  {family:<14}{can:>12}{_days_ago(row['days_since_newest']):>12}{_rounded(row['accounts_with_data']):>10}"
            + "".join(f"{_rounded(row['segments'].get(size)):>12}" for size in SIZES)
        )
    return lines


def _contradiction_lines(found: Contradiction) -> list[str]:
    """The figure, the accounts most concerned and the cure."""
    share = "<0.1%" if found.share < 0.001 else f"{found.share:.1%}"
    return [
        f"{found.words}: {share} ({found.rows:,} of {found.of:,})",
        f"  such as {', '.join(found.examples)}; {found.cure}",
    ]


def _days_ago(days: int | None) -> str:
    return "–" if days is None else f"{days} d ago" if days >= 0 else f"in {-days} d"


def _rounded(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def trained_lines(trained: Sequence[Trained]) -> list[str]:
    """What training came to, an outcome after the other."""
    lines = []
    for one in trained:
        if one.backtest is not None:
            found = one.backtest.metrics["tenure"]
            rivals = ", ".join(
                f"{name} {rival.average_precision:.3f}"
                for name, rival in one.backtest.metrics.items()
                if name != "tenure"
            )
            lines.append(
                f"{one.outcome}: out of time ROC-AUC {found.roc_auc:.3f}, "
                f"average precision {found.average_precision:.3f} "
                f"({rivals}); promised {found.expected:.0f}, {found.outcomes} came, to {found.accounts} accounts; "
                f"{one.unmatured:,} unmatured and "
                f"{one.gone:,} already-gone rows dropped"
            )
        if one.search is not None:
            lines.append(f"{one.outcome}: {_search_told(one.search)}")
        lines += [f"{one.outcome}: {note.replace('**', '')}" for note in one.notes]
        if one.version is None:
            lines += [f"{one.outcome}: refused, nothing registered", *(f"  - {why}" for why in one.refused)]
        elif one.refused:
            lines += [f"{one.outcome}: refused; version {one.version} is registered, but not as challenger"]
            lines += [*(f"  - {why}" for why in one.refused), f"{one.outcome}: card at {one.card}"]
        else:
            told = f"version {one.version} is challenger; `tenure promote {one.outcome}` puts it to work"
            lines += [f"{one.outcome}: {told}", f"{one.outcome}: card at {one.card}"]
    return lines


def _search_told(found: Found) -> str:
    if found.best == found.unsearched:
        return (
            f"searched: {found.trials} trials done, none better than what a run without a search takes, log loss "
            f"{found.unsearched:.4f}"
        )
    difference, low, high = found.gained
    taken = "the best is taken" if found.better else "not lower beyond chance, so that is taken"
    return (
        f"searched: {found.trials} trials done, best log loss {found.best:.4f}, {found.unsearched:.4f} as a run "
        f"without a search takes it; lower by {difference:+.4f} ({low:+.4f} to {high:+.4f}): {taken}"
    )


def trained_document(one: Trained) -> dict[str, Any]:
    """The same for machines.

    `version`: as registered, also where refused; null where nothing could be learnt. `refused`: what speaks against it,
    empty for a challenger. `card`: a path, or an address on the tracking server. `search`: null without one, else the
    `trials` done, the `best_log_loss`, `unsearched_log_loss`, that of what a run without a search takes, and whether
    the best was `taken`. `notes`: what a reader must know of how it was trained. `rows`, `unmatured` and `gone` count
    rows learnt from and dropped.
    """
    found = one.search
    return {
        "outcome": one.outcome,
        "version": one.version,
        "refused": list(one.refused),
        "card": one.card,
        "search": None
        if found is None
        else {
            "trials": found.trials,
            "best_log_loss": found.best,
            "unsearched_log_loss": found.unsearched,
            "taken": found.better,
        },
        "notes": list(one.notes),
        "rows": one.rows,
        "unmatured": one.unmatured,
        "gone": one.gone,
        "metrics": {name: vars(measured) for name, measured in one.backtest.metrics.items()} if one.backtest else None,
    }


IN_THE_BOOK = "A running `tenure serve` asks it what-if questions from now on; `tenure score` puts it into the book."


def promoted_lines(model: Model, entry: Mapping[str, Any]) -> list[str]:
    """A promotion: what serves now, what was overridden, and how it stood beside the champion before."""
    overridden = [f"  overridden: {fault}" for fault in entry["faults"]]
    beside = [f"  {told}" for told in entry["compared"]]
    return [f"{model.version} is champion for {model.outcome}.", *overridden, *beside, IN_THE_BOOK]


def promoted_document(model: Model, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The same for machines: `champion`, who was told to have asked, whether it was `forced`, over which `faults`, and
    what was `compared` with the champion before."""
    return {"champion": model.version} | {name: entry[name] for name in ("who", "forced", "faults", "compared")}


def scored_lines(scoring: Scoring, withheld: Mapping[str, str]) -> list[str]:
    """What a run scored, whom it did not, and of which outcomes there is not enough to say."""
    told = f"Scored {len(scoring.briefs):,} accounts on {scoring.as_of}: {len(scoring.scores):,} scores"
    told += f" ({len(scoring.noticed)} accounts have given notice and are not scored)." if scoring.noticed else "."
    return [
        told,
        *(f"{name}: not enough to say: {why}" for name, why in withheld.items()),
        *(
            f"{version} learnt from {', '.join(sources)}, of which nothing is known of any account now: it says less "
            "than its card promises. Hand them over again, or train without them"
            for version, sources in _silent(scoring).items()
        ),
    ]


def _silent(scoring: Scoring) -> dict[str, list[str]]:
    """By model version, the sources it learnt from of which no feature is known of any account scored."""
    known = set(scoring.table.columns[scoring.table.notna().any()])
    found = {}
    for model in scoring.models:
        learnt = {CATALOGUE[name].source for name in model.encoding.features}
        told = {CATALOGUE[name].source for name in model.encoding.features if name in known}
        if learnt - told:
            found[model.version] = sorted(learnt - told)
    return found


def scored_document(scoring: Scoring, withheld: Mapping[str, str]) -> dict[str, Any]:
    """The same for machines; `silent`: by version, the sources it learnt from of which nothing is known now."""
    counts = {"as_of": str(scoring.as_of), "accounts": len(scoring.briefs), "scores": len(scoring.scores)}
    return counts | {"notice_given": len(scoring.noticed), "withheld": dict(withheld), "silent": _silent(scoring)}


def revenue_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A table of rates, one group a line: what was lost, shrunk and grown are shares of the ARR at the start.

    Groups of new accounts alone have no rates yet, and no line.
    """
    lines = [
        f"{'':<14}{'accounts':>9}{'ARR start':>14}{'ARR end':>14}{'GRR':>8}{'NRR':>8}{'lost':>8}{'shrunk':>8}"
        f"{'grown':>8}{'logo churn':>12}{'renewal':>9}{'LTV':>14}"
    ]
    for row in (one for one in rows if one["accounts"] or one is rows[0]):
        ltv = "–" if row["ltv"] is None else f"{row['ltv']:,.0f}"
        shares = "".join(
            f"{_share(_part(row, name)):>8}" for name in ("churned_arr", "contraction_arr", "expansion_arr")
        )
        lines.append(
            f"{row['group']:<14}{row['accounts']:>9,}{row['arr_start']:>14,.0f}{row['arr_end']:>14,.0f}"
            f"{_share(row['grr']):>8}{_share(row['nrr']):>8}{shares}{_share(row['logo_churn']):>12}"
            f"{_share(row['renewal_rate']):>9}{ltv:>14}"
        )
    if rows[0]["paused_arr"]:
        lines.append(
            f"Neither lost nor shrunk: {rows[0]['paused_arr']:,.0f} ARR ({_share(_part(rows[0], 'paused_arr'))}) of "
            f"accounts that stopped paying within {GRACE_DAYS} days, for a late signature is no churn; GRR and NRR are "
            "without it."
        )
    return lines


def _part(row: Mapping[str, Any], name: str) -> float | None:
    return row[name] / row["arr_start"] if row["arr_start"] else None


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
