from PIL import Image, ImageSequence

from dcgan_pipeline.datasets.animation import AnimationDataset

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


class Frames:
    """What the dataset saves: anything with Pillow's own save."""

    def save(self, file, **options):
        first, *rest = (Image.new("RGB", (6, 4), colour) for colour in COLOURS)
        first.save(file, save_all=True, append_images=rest, duration=40, **options)


def colours(image):
    return [frame.convert("RGB").getpixel((0, 0)) for frame in ImageSequence.Iterator(image)]


def test_an_animation_comes_back_with_all_its_frames(tmp_path):
    dataset = AnimationDataset(filepath=tmp_path / "animation.gif")
    dataset.save(Frames())
    animation = dataset.load()
    assert animation.format == "GIF"
    assert animation.n_frames == len(COLOURS)
    assert colours(animation) == COLOURS


def test_an_animation_outlives_its_file(tmp_path):
    dataset = AnimationDataset(filepath=tmp_path / "animation.gif")
    dataset.save(Frames())
    animation = dataset.load()
    (tmp_path / "animation.gif").unlink()
    assert colours(animation) == COLOURS


def test_the_preview_is_the_whole_animation(tmp_path, opened_preview, preview_type):
    dataset = AnimationDataset(filepath=tmp_path / "animation.gif")
    dataset.save(Frames())
    assert preview_type(dataset) == "ImagePreview"
    assert colours(opened_preview(dataset)) == COLOURS
