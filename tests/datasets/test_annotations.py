import numpy as np

from dcgan_pipeline.datasets.annotations import AnnotationsDataset


def test_numbers_come_back_as_they_were(tmp_path):
    z = np.random.default_rng(0).uniform(-1, 1, 100).astype(np.float32)
    dataset = AnnotationsDataset(filepath=str(tmp_path / "annotations.json"))
    dataset.save({"gan": "1f", "concepts": {"é": [{"z": z.astype(float).tolist()}]}})
    back = dataset.load()["concepts"]["é"][0]["z"]
    assert np.array_equal(np.array(back, np.float32), z)
