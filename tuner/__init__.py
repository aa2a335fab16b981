"""Search the settings of a training with KerasTuner: ``python -m tuner``.

May import all of ``kerascifar`` up to ``run``; never ``kerascifar.studies`` and the commands, which use it.
Only ``oracles``, ``search``, ``chief`` and ``hparams`` import KerasTuner or TensorBoard; the rest answers without them.
"""

import kerascifar  # noqa: F401  while sys.argv tells that a command begins
