"""A net outside its run folder: exported to other formats, run in their own runtimes, compared with Keras and timed.

Imports everything up to run; never tuner, studies, reporting or the commands. TensorFlow, Keras, converters and
runtimes are imported only inside the functions that use them.
"""
