from dcgan_pipeline.datasets.page import PageDataset


def test_a_page_comes_back_as_it_was(tmp_path):
    page = PageDataset(filepath=str(tmp_path / "page.html"))
    page.save("<!doctype html><title>é ☃</title>")
    assert page.load() == "<!doctype html><title>é ☃</title>"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
