"""How a picture is changed to see what the answer hangs on. The page's own script does it, by these numbers.

One script serves the local and the static page; it is tested by itself in tests/demonstration/test_scripts.py.
"""

from typing import Any

# A part of the picture's side that it is moved by, to the right or down; degrees are clockwise. Edges are repeated.
VIEWS: tuple[dict[str, Any], ...] = (
    {"name": "mirrored", "mirror": True},
    {"name": "moved left", "right": -0.125},
    {"name": "moved right", "right": 0.125},
    {"name": "moved up", "down": -0.125},
    {"name": "moved down", "down": 0.125},
    {"name": "turned left 15°", "degrees": -15},
    {"name": "turned right 15°", "degrees": 15},
    {"name": "turned by 90°", "degrees": 90},
)
# Zeiler and Fergus 2014, section 4.2: a square of the picture's mean colour is moved over it. Parts of the side.
OCCLUSION = {"patch": 0.25, "stride": 0.125}
# Covering any part changes the answer by less than this: no part decides.
LEAST_DROP = 0.05
# Standard deviation of the pixels, of 255, below which there is nothing to recognise.
FLAT = 4.0
