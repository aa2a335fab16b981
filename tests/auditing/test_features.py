from kerascifar.auditing import features


def test_a_missing_net_is_told_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(features.shipped, "net", lambda name: None)
    assert features._features.__wrapped__() is None
    assert capsys.readouterr().err == "the net tiny36k did not come with this installation: only pixels are looked at\n"
