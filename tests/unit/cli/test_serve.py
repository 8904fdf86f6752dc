from tests.support.installation import Installation


def test_a_start_that_fails_is_one_line_and_status_1(fresh: Installation) -> None:
    done = fresh.process("serve", SLUICEGATE_SERVER__PROT="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Sluicegate does not start: server.prot: unknown setting\n"
