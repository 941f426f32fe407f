import pytest

from dcgan_pipeline.annotate.changes import Change, Step
from dcgan_pipeline.annotate.session import History, Session, StaleError
from dcgan_pipeline.edits.annotations import Annotations
from dcgan_pipeline.errors import InputError


class Kept:
    """Keeps all that it is given."""

    def __init__(self):
        self.all = []
        self.full = False

    def newest(self):
        return "0", Annotations(gan="1f")

    def save(self, annotations):
        if self.full:
            raise OSError("no space left on device")
        self.all.append(annotations)
        return str(len(self.all))


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def session(kept, gan):
    return Session(kept, gan)


def named(name, revision):
    return Change.parse({"revision": revision, "change": {"do": "name", "kind": "concepts", "name": name}}, "change")


def chosen(z, revision):
    change = {"do": "choose", "name": "a", "sample": {"z": z}, "chosen": True}
    return Change.parse({"revision": revision, "change": change}, "change")


def step(which, session):
    session.step(Step(revision=session.revision, step=which))


def names(session):
    return "".join(session.history.present.concepts)


def test_undo_and_redo_go_through_what_was(session, kept):
    for name in "abc":
        session.change(named(name, session.revision))
    step("undo", session)
    step("undo", session)
    assert names(session) == "a"
    assert (session.shown()["undo"], session.shown()["redo"]) == (1, 2)
    step("redo", session)
    assert names(session) == "ab"
    session.change(named("d", session.revision))
    assert names(session) == "abd"
    step("redo", session)  # what was taken back is gone
    assert names(session) == "abd"
    for _ in range(9):
        step("undo", session)
    assert names(session) == ""
    assert [len(each.concepts) for each in kept.all] == [1, 2, 3, 2, 1, 2, 3, 2, 1, 0]  # each was saved, whole


def test_what_changes_nothing_is_no_change(session, kept):
    session.change(named("a", "0"))
    session.change(chosen([1, 2, 3, 4], "1"))
    session.change(chosen([1, 2, 3, 4], "2"))
    step("redo", session)
    assert (session.revision, len(kept.all), session.shown()["undo"]) == ("2", 2, 2)


def test_a_change_of_an_older_revision_is_refused(session, kept):
    session.change(named("a", "0"))
    with pytest.raises(StaleError):
        session.change(named("b", "0"))
    with pytest.raises(StaleError):
        session.step(Step(revision="0", step="undo"))
    assert (names(session), len(kept.all)) == ("a", 1)


def test_what_is_not_saved_has_not_happened(session, kept):
    session.change(named("a", "0"))
    kept.full = True
    with pytest.raises(OSError, match="no space"):
        session.change(named("b", "1"))
    assert (names(session), session.revision, session.shown()["undo"]) == ("a", "1", 1)
    with pytest.raises(OSError, match="no space"):
        step("undo", session)
    assert (names(session), session.revision, session.shown()["undo"]) == ("a", "1", 1)


def test_what_does_not_fit_the_gan_is_refused(session, kept):
    session.change(named("a", "0"))
    with pytest.raises(InputError, match="z must have 4 numbers, as the gan takes them, got 3"):
        session.change(chosen([1, 2, 3], "1"))
    assert len(kept.all) == 1


def test_a_history_stays_where_it_has_no_more():
    history = History(Annotations(gan="1f"))
    assert history.undone() is history
    assert history.redone() is history
    assert history.then(Annotations(gan="1f")) is history
