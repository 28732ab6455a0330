// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/vex/vex_ir.h"
void vex_forward_xmm(IRSB *block)
{
}
