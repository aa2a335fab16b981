"""Write golden_logits.json: what the PyTorch twins answer on seeded images with seeded weights.

Run where PyTorch is importable, from the repository's root: PYTHONPATH=. python tests/twins/make_golden.py
The file lets test_golden_logits.py compare our nets with PyTorch's where PyTorch is not installed.
"""

import json
from pathlib import Path

import torch
from cases import CASES
from twins import logits, twin

GOLDEN = Path(__file__).with_name("golden_logits.json")

if __name__ == "__main__":
    rows = {}
    for name, case in CASES.items():
        print(name, flush=True)
        rows[name] = [[float(f"{x:.7g}") for x in row] for row in logits(twin(name), case)]
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    GOLDEN.write_text(f'{{"torch": "{torch.__version__}", "logits": {{\n{lines}\n}}}}\n', encoding="utf-8")
