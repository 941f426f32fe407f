import io

import numpy as np
import pytest
from PIL import ImageCms

from dcgan_pipeline.imaging.colour.matrix_profile import ADOBE_RGB, DISPLAY_P3, PROPHOTO, SRGB, Space, matrix_profile

COLORANTS = {  # published by the makers of the spaces, under D50
    SRGB: [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)],
    DISPLAY_P3: [(0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)],
    ADOBE_RGB: [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)],
    PROPHOTO: [(0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491)],
}


@pytest.mark.parametrize("space", COLORANTS)
def test_littlecms_reads_the_published_colours_from_it(space):
    profile = ImageCms.ImageCmsProfile(io.BytesIO(matrix_profile(space, 2.2))).profile
    found = [getattr(profile, f"{name}_colorant")[0] for name in ("red", "green", "blue")]
    np.testing.assert_allclose(found, COLORANTS[space], atol=2e-4)
    assert profile.is_matrix_shaper


@pytest.mark.parametrize(
    "space",
    [
        SRGB._replace(blue=SRGB.green),  # on a line
        SRGB._replace(red=(0.6, 0.0)),
        SRGB._replace(white=(0.3, 0.0)),
        Space((0.3, 0.3), (0.3, 0.3), (0.3, 0.3)),
    ],
)
def test_numbers_that_span_no_space_are_refused(space):
    with pytest.raises(ValueError, match="no space of colours"):
        matrix_profile(space, 2.2)
