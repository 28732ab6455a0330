# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command that the host gives no huge pages: what memory it has then depends on it alone."""
import ctypes
import os
import sys

PR_SET_THP_DISABLE = 41

if ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0:
    sys.exit("small_pages: the host's huge pages can not be turned off")
os.execvp(sys.argv[1], sys.argv[1:])
