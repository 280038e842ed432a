# SPDX-License-Identifier: BSD-2-Clause
"""What the Python tests share; nothing here is linked with or generated from the programs under test."""
