"""The report and the model card: gather runs, build sections of tables and pictures, render HTML and Markdown.

Imports what stands left of configure; never Keras, TensorFlow, run, serving or tuner. Only the commands report and card
import it.
"""
