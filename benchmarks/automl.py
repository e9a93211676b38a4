"""FLAML on one fold, in an environment of its own: reads learn.parquet and test.parquet, writes said.parquet.

python automl.py FOLDER SECONDS SEED
"""

import sys
import warnings
from pathlib import Path

import pandas as pd


def main() -> None:
    from flaml import AutoML

    warnings.simplefilter("ignore")
    folder, seconds, seed = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    learn, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("learn", "test"))
    account, happened = learn.pop("account_id"), learn.pop("happened")
    peer = AutoML()
    peer.fit(
        learn,
        happened,
        task="classification",
        metric="log_loss",
        time_budget=seconds,
        split_type="group",  # an account is never on both sides, as a careful user would have it
        groups=account.astype("category").cat.codes.to_numpy(),
        n_jobs=2,
        seed=seed,
        verbose=0,
    )
    said = peer.predict_proba(test[learn.columns])[:, 1]
    pd.DataFrame({"said": said, "by": peer.best_estimator}).to_parquet(folder / "said.parquet")


if __name__ == "__main__":
    main()
