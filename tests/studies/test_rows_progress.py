"""One line that says how far a study is, and when it will be done."""

import io

from kerascifar.studies.progress import Board, makespan


def test_when_the_last_of_several_tasks_ends():
    assert makespan([4, 3, 2, 1], 1) == 10
    assert makespan([4, 3, 2, 1], 2) == 5  # 4 + 1 beside 3 + 2
    assert makespan([1, 1, 10], 2) == 11
    assert makespan([6], 2, [5, 2]) == 8
    assert makespan([], 3) == 0


def test_the_line_is_true_for_the_number_of_jobs():
    now = [0.0]
    board = Board(6, {"a": 10.0, "b": 10.0, "c": 20.0, "d": 30.0}, 2, io.StringIO(), lambda: now[0])
    assert str(board) == "2 of 6 runs done, 0 under way, about 40 s left"  # a and c, beside b and d
    board.begin("a")
    board.begin("b")
    now[0] = 20.0
    board.end("a")  # it took twice as long as thought, so b ends now too, c takes 40 s and d 60 s
    assert str(board) == "3 of 6 runs done, 1 under way, about 60 s left"
    board.begin("c")
    now[0] = 30.0
    board.end("b")  # 20 s were estimated, 50 s taken: c takes 50 s, 40 of them from now; d 75 s
    assert str(board) == "4 of 6 runs done, 1 under way, about 75 s left"
    board.end("d")  # another row had asked for the same
    assert str(board) == "5 of 6 runs done, 1 under way, about 40 s left"


def test_only_a_terminal_gets_carriage_returns():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for out, jobs_, redrawn in ((io.StringIO(), 2, False), (Terminal(), 2, True), (Terminal(), 1, False)):
        board = Board(1, {"a": 1.0}, jobs_, out)
        board.show()
        board.tell("done")
        assert ("\r" in out.getvalue()) == redrawn == (board.pause is not None)
        assert out.getvalue().endswith("done\n")
