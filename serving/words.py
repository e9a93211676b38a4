"""What the commands print for people: an audit, a training, revenue."""

from collections.abc import Sequence
from typing import Any

from training.audit import Audit
from training.train import Trained


def audit_lines(found: Audit) -> list[str]:
    """An audit as a page of text, the verdict last."""
    lines = [f"Audit as of {found.as_of}", "", "Tables"]
    for name, table in found.tables.items():
        known = f"known {table['first_known']} to {table['last_known']}" if table["first_known"] else "no usable row"
        bad = f", {table['quarantined']:,} in quarantine" if table["quarantined"] else ""
        lines.append(f"  {name:<14}{table['rows']:>12,} rows, {known}{bad}")
        if table["missing_columns"]:
            lines.append(f"  {'':<14}without {', '.join(table['missing_columns'])}")
        if table["unknown_columns"]:
            lines.append(f"  {'':<14}ignored {', '.join(table['unknown_columns'])}")
    if found.blind_tables:
        lines.append(f"  not given, so these signals are blind: {', '.join(found.blind_tables)}")
    lines += ["", "Signals"]
    for family, row in found.coverage.items():
        share = row["accounts_with_data"]
        blind = len(row["blind_features"])
        told = f"{row['features'] - blind} of {row['features']} features can be computed"
        lines.append(f"  {family:<14}{told}" + ("" if share is None else f", {share:.0%} of accounts have data"))
    if found.quarantine:
        lines += ["", "Quarantine"]
        for fault in found.quarantine:
            where = f"{fault['table']}.{fault['column']}"
            lines.append(f"  {fault['rows']:>8,} x {where}: {fault['rule']} (such as {fault['example']!r})")
    for title, rows in (
        ("Stale", list(found.stale)),
        (
            "Contradictions",
            [f"{one.words}: {one.share:.1%} ({one.rows:,} of {one.of:,})" for one in found.contradictions],
        ),
        ("Suspected of leaking the outcome", [f"{leak.feature} {leak.words}" for leak in found.leaks]),
    ):
        if rows:
            lines += ["", title, *(f"  {row}" for row in rows)]
    if found.outcomes:
        listed = ", ".join(f"about {count:,} x {name}" for name, count in found.outcomes.items())
        lines += ["", f"Outcomes to learn from: {listed}, in about {found.rows:,} rows"]
    verdict = ["Unusable:", *(f"  - {why}" for why in found.unusable)] if found.unusable else ["Usable."]
    return [*lines, "", *verdict]


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
                f"({rivals}); promised {found.expected:.0f}, {found.outcomes} came; {one.unmatured:,} unmatured and "
                f"{one.gone:,} already-gone rows dropped"
            )
        if one.refused:
            lines += [f"{one.outcome}: refused", *(f"  - {why}" for why in one.refused)]
        else:
            lines.append(
                f"{one.outcome}: version {one.version} is challenger; `tenure promote {one.outcome}` puts it to work"
            )
    return lines


def trained_document(one: Trained) -> dict[str, Any]:
    """The same for machines."""
    return {
        "outcome": one.outcome,
        "version": one.version,
        "refused": list(one.refused),
        "rows": one.rows,
        "unmatured": one.unmatured,
        "gone": one.gone,
        "metrics": {name: vars(found) for name, found in one.backtest.metrics.items()} if one.backtest else None,
    }


def revenue_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A table of rates, one group a line."""
    lines = [
        f"{'':<14}{'accounts':>9}{'ARR start':>14}{'ARR end':>14}{'GRR':>8}{'NRR':>8}{'logo churn':>12}"
        f"{'renewal':>9}{'LTV':>14}"
    ]
    for row in rows:
        lines.append(
            f"{row['group']:<14}{row['accounts']:>9,}{row['arr_start']:>14,.0f}{row['arr_end']:>14,.0f}"
            f"{_share(row['grr']):>8}{_share(row['nrr']):>8}{_share(row['logo_churn']):>12}"
            f"{_share(row['renewal_rate']):>9}" + (f"{row['ltv']:>14,.0f}" if row["ltv"] is not None else f"{'–':>14}")
        )
    return lines


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
