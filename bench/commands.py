"""Running programs whose failure is a result of the measurement."""

import subprocess


def run(*command: object, **more: object) -> str:
    """What a program prints. ValueError: its name and last word, where it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines() or [f"exit status {done.returncode}"]
        raise ValueError(f"{command[0]}: {last[-1]}")
    return done.stdout
