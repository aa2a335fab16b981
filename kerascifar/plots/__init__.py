"""Pictures: of a data set and its augmentation, of results, as SVG for a page, and as events for TensorBoard.

Imports results and what stands left of augment; Matplotlib, scikit-learn and TensorBoard only inside the functions that
use them, TensorFlow only to augment. Matplotlib draws where a picture is a file, `charts` where it is part of a page.
Functions draw and return a figure; only views and tensorboard write files.
"""
