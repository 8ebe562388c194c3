# SPDX-License-Identifier: MIT
"""Linux kernels under QEMU: fetched, booted around the static spawnmark, results brought out.

Standard library alone: a test machine needs no virtual environment for it.
"""
