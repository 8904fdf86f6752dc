from sluicegate.dlp.built_in import built_in


def test_names_and_signals_are_unique() -> None:
    detectors = built_in()
    names = [detector.name for detector in detectors]
    signals = [signal.id for detector in detectors for signal in detector.signals]
    assert names == ["injection"]
    assert len(set(signals)) == len(signals)
    assert all(detector.refuses for detector in detectors)
