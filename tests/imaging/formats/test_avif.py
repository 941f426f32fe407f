import cv2
import numpy as np
import pytest
from deep_samples import ramp

from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.settings import Limits


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_an_avif_of_any_depth_is_rounded(bits):
    """By libavif. Squares of 2 x 2 pixels, since its colours may be stored at half the size."""
    greatest = 2**bits - 1
    samples = ramp(greatest, 3).repeat(2, axis=0).repeat(2, axis=1)
    stored = np.ascontiguousarray(samples[..., ::-1].astype(np.uint8 if bits == 8 else np.uint16))
    try:
        written = cv2.imencode(".avif", stored, [cv2.IMWRITE_AVIF_QUALITY, 100, cv2.IMWRITE_AVIF_DEPTH, bits])[1]
    except cv2.error:
        pytest.skip("this OpenCV writes no AVIF")
    exact = cv2.imdecode(written, cv2.IMREAD_UNCHANGED)[..., ::-1].astype(float) * 255 / greatest
    found = np.asarray(decode_image(written.tobytes(), Limits()))
    np.testing.assert_allclose(found, exact, rtol=0, atol=0.51)
    np.testing.assert_allclose(found, samples * 255 / greatest, rtol=0, atol=1.5)
