from dcgan_pipeline.datasets.text import TextDataset


def test_a_page_comes_back_as_it_was(tmp_path):
    page = TextDataset(filepath=str(tmp_path / "page.html"))
    page.save("<!doctype html><title>é ☃</title>")
    assert page.load() == "<!doctype html><title>é ☃</title>"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
