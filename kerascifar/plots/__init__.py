"""Pictures: of a data set and its augmentation, of results, as SVG for a page, and as events for TensorBoard.

Imports results and what stands left of augment; Matplotlib, scikit-learn and TensorBoard only inside the functions that
use them, TensorFlow only to augment. Functions draw and return a Figure; only views and tensorboard write files.
"""
