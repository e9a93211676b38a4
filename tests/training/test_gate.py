def test_x(company):
    for o, t in company.trained.items():
        print(o, t.refused, t.backtest.metrics["tenure"], len(t.backtest.folds))
    for d, s in company.scorings.items():
        print(d, len(s.scores), len(s.noticed), {(x.outcome, x.tier) for x in s.scores})
    import subprocess; print(subprocess.run(["du","-sh",company.home],capture_output=True).stdout)
    assert 0
