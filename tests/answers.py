"""What a command must answer to what it refuses."""


def refused(done, message):
    """Assert one clear line on stderr, exit code 2, no traceback."""
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert message in lines[0], lines[0]
    assert "Traceback" not in done.stdout
