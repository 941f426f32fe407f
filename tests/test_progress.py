import pytest

from dcgan_pipeline.progress import progress_bar, track


def test_where_there_is_no_terminal_log_lines_say_how_far_it_is(monkeypatch, caplog):
    monkeypatch.setattr("dcgan_pipeline.progress._LOG_SECONDS", -1)  # every time
    with caplog.at_level("INFO", "dcgan_pipeline.progress"), progress_bar("training", 3) as advance:
        advance(note="loss 2.0")
        advance(2, note="loss 1.0")
    assert caplog.messages == ["training: 1 of 3  loss 2.0", "training: 3 of 3  loss 1.0"]


def test_tracking_gives_the_items_in_order():
    assert list(track(iter("abc"), "letters", 3)) == ["a", "b", "c"]


def test_one_line_remains_that_says_what_was_done_and_how_much(capsys):
    list(track(range(7), "counting", 7))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("counting ")
    assert " 7/7 " in lines[0]


def test_the_bar_counts_what_was_done_when_a_block_ends_early(capsys):
    def stop_early():
        with progress_bar("counting", 10) as advance:
            advance(2)
            advance()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        stop_early()
    assert " 3/10 " in capsys.readouterr().out


def test_a_note_stands_at_the_end_until_the_next(capsys):
    with progress_bar("training", 3) as advance:
        advance(note="loss 2.0")
        advance(note="loss 1.0")
        advance()
    assert capsys.readouterr().out.splitlines()[-1].rstrip().endswith("loss 1.0")


def test_nothing_is_read_ahead():
    taken = []
    for item in track((taken.append(k) or k for k in range(5)), "counting", 5):
        assert taken == list(range(item + 1))


def test_an_error_among_the_items_comes_through():
    def items():
        yield 1
        raise ZeroDivisionError

    tracked = track(items(), "counting", 2)
    assert next(tracked) == 1
    with pytest.raises(ZeroDivisionError):
        next(tracked)


def test_brackets_are_shown_as_they_are(capsys):
    with progress_bar("images of [/a]", 1) as advance:
        advance(note="[/b]")
    line = capsys.readouterr().out
    assert "images of [/a]" in line
    assert "[/b]" in line
