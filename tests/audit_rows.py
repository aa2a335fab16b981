"""Small lists as an audit writes them."""

import hashlib

PAIR_COLUMNS = (
    "a_split,a_index,b_split,b_index,score,verdict,shift_x,shift_y,scale,mirror,gain,offset,a_label,b_label,"
    "a_sha256,b_sha256"
)
LABEL_COLUMNS = "split,index,sha256,given,proposed,margin,suspect"


def sha(name):
    """A checksum for a name, or for the pixels of a split's image."""
    return name if len(name) == 64 else hashlib.sha256(name.encode()).hexdigest()


def pair(a_split, a, b_split, b, verdict="near-duplicate", a_index=0, b_index=0):
    cells = [a_split, a_index, b_split, b_index, 0.01, verdict, 1, -2, 1.0, "no", 1.0, 0.0, "cat", "dog"]
    return ",".join(map(str, [*cells, sha(a), sha(b)]))


def label(split, name, suspect="yes", index=0):
    return f"{split},{index},{sha(name)},cat,dog,-0.5,{suspect}"


def write(path, columns, *rows):
    path.write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    return path


def pairs(path, *rows):
    return write(path, PAIR_COLUMNS, *rows)


def labels(path, *rows):
    return write(path, LABEL_COLUMNS, *rows)
