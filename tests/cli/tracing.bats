# SPDX-License-Identifier: GPL-2.0-or-later
# Debug registers (watchpoints.c), which the host may not have.
load common

@test "breakpoints and watchpoints stop a traced child where they must, in any mode" {
    cat >expected <<'TEXT'
before: SIGSTOP code -6 at -1, rcx 0, RF 0, DR6 0xffff0ff0
DR0: done
DR7 = 0x1: done
at its start: SIGTRAP code 4 at 0, rcx 3, RF 1, DR6 0xffff0ff1
an element further: SIGTRAP code 2 at 0, rcx 2, RF 1, DR6 0xffff4ff0
at its start again: SIGTRAP code 4 at 0, rcx 3, RF 1, DR6 0xffff0ff1
DR7 = 0: done
end: exited with 2
before: SIGSTOP code -6 at -1, rcx 0, RF 0, DR6 0xffff0ff0
DR0: done
DR1: done
DR2: done
DR3: done
DR3: EINVAL
DR4 = 0x3: EIO
DR7 = 0x90000040: EINVAL
DR7 = 0x4000010: EINVAL
DR7 = 0x2000010: EINVAL
DR7 = 0x1f90015: done
DR7 0x1f90015
watched: SIGTRAP code 4 at 0, rcx 1, RF 1, DR6 0xffff0ff4
watched: SIGTRAP code 4 at 38, rcx 0, RF 0, DR6 0xffff0ff1
watched: SIGTRAP code 4 at 45, rcx 0, RF 0, DR6 0xffff0ff2
watched: SIGTRAP code 4 at 0, rcx 1, RF 1, DR6 0xffff0ff4
watched: SIGTRAP code 4 at 38, rcx 0, RF 0, DR6 0xffff0ff1
watched: SIGTRAP code 4 at 45, rcx 0, RF 0, DR6 0xffff0ff2
DR6 = 0: done
DR6 0
end: exited with 2
TEXT
    for options in "" "--tlb tiny" "--ram 300K"; do
        # shellcheck disable=SC2086
        pagewalk run -q $options -- "$WATCHPOINTS"
        [ "$status" -eq 0 ]
        diff expected stdout
    done
}
